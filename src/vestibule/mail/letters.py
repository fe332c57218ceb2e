"""Messages from templates, ours or an operator's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    meta,
)
from jinja2.sandbox import SandboxedEnvironment

from vestibule.mail.mailer import Mail

OURS = Path(__file__).parent / "templates"
LANGUAGE = "en"
SUBJECT = "Subject:"
KINDS: dict[str, frozenset[str]] = {
    "invitation": frozenset({"organization", "role", "until", "link", "address"}),
    "password_changed": frozenset({"username", "when"}),
    "reset": frozenset({"username", "until", "link"}),
    "reset_elsewhere": frozenset({"directory"}),
    "verification": frozenset({"username", "until", "link"}),
}
"""The kinds of messages, and what their templates are given."""


class WrongTemplate(ValueError):
    """A template that can't be used; says which and why."""


class Letters:
    """Writes messages. All templates are read once, at the start."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` holds templates in the place of ours, `en/KIND.txt`; any may be missing.

        Raises `WrongTemplate`.
        """
        self._templates = _ours() if folder is None else _read(folder)

    def write(self, kind: str, *, to: str, **values: str) -> Mail:
        """The message of this kind to this address."""
        # What somebody chose stays on one line: it must not write the rest of the message.
        single = {name: " ".join(value.split()) for name, value in values.items()}
        text = self._templates[kind].render(single)
        subject, _, body = text.removeprefix(SUBJECT).partition("\n")
        return Mail(to=to, subject=subject.strip(), text=body.lstrip("\n") + "\n", kind=kind)


@cache
def _ours() -> dict[str, Template]:
    """The same for all applications of a process."""
    return _read(None)


def _read(folder: Path | None) -> dict[str, Template]:
    loaders: list[BaseLoader] = [FileSystemLoader(OURS)]
    if folder is not None:
        loaders.insert(0, FileSystemLoader(folder))
    environment = SandboxedEnvironment(
        loader=ChoiceLoader(loaders),
        undefined=StrictUndefined,
        # The text is plain: nothing of it is markup.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates = {}
    for kind, names in KINDS.items():
        path = f"{LANGUAGE}/{kind}.txt"
        try:
            source, *_ = ChoiceLoader(loaders).get_source(environment, path)
            unknown = meta.find_undeclared_variables(environment.parse(source)) - names
            templates[kind] = environment.get_template(path)
        except (TemplateError, UnicodeDecodeError) as error:
            raise WrongTemplate(f"{path}: {error}") from None
        if unknown:
            raise WrongTemplate(f"{path}: there is no {', '.join(sorted(unknown))}")
        if not source.startswith(SUBJECT):
            raise WrongTemplate(f"{path}: the first line must begin with {SUBJECT}")
    return templates
