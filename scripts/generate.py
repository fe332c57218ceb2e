"""Write what is generated from the code and committed; with --check, say what is out of date."""

from __future__ import annotations

import json
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import translations
from alembic import command
from alembic.util.exc import CommandError
from pydantic_core import PydanticUndefined

from vestibule import errors, openapi
from vestibule.app import create_app
from vestibule.settings import Settings
from vestibule.storage import schema

ROOT = Path(__file__).parent.parent
GUIDES = ROOT / "docs" / "src" / "content" / "docs"


def main() -> int:
    """0, or 1 where --check finds something to do."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, content in generated():
        if check and (not path.exists() or path.read_bytes() != content):
            stale.append(f"{path.relative_to(ROOT)} is not what the code says: run make openapi")
        elif not check:
            path.write_bytes(content)
    if check:
        stale += [*unmigrated(), *translations.untranslated()]
    for line in stale:
        print(line, file=sys.stderr)
    return 1 if stale else 0


def generated() -> Iterator[tuple[Path, bytes]]:
    """(file, content) of all that is generated."""
    for path, text in written():
        yield path, text.encode()
    yield from translations.compiled()


def written() -> Iterator[tuple[Path, str]]:
    """(file, text) of what people read."""
    yield ROOT / "docs" / "openapi.json", document()
    yield GUIDES / "configuration.md", configuration()
    yield GUIDES / "errors.md", error_guide()
    yield ROOT / "src" / "vestibule" / "client" / "errors.py", client_errors()


def document() -> str:
    """The OpenAPI document of the default settings."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        return json.dumps(openapi.document(app), indent=2, ensure_ascii=False) + "\n"


def configuration() -> str:
    """The reference of all options, a section for each group."""
    lines = [
        *head("Configuration"),
        "Every option is an environment variable. Lists are written with commas between. Times are",
        "in seconds, sizes in bytes.",
    ]
    for group in reversed(Settings.__bases__):
        lines += [
            "",
            f"## {(group.__doc__ or '').strip().rstrip('.')}",
            "",
            "| variable | default | what it is |",
            "|---|---|---|",
        ]
        lines += [option(name) for name in Settings.model_fields if name in group.__annotations__]
    return "\n".join(lines) + "\n"


def option(name: str) -> str:
    """A line of the reference."""
    field = Settings.model_fields[name]
    default = field.default
    if default is PydanticUndefined or default is None or default in ((), frozenset()):
        shown = ""
    elif isinstance(default, frozenset):
        shown = f"`{','.join(sorted(default))}`"
    else:
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| `VESTIBULE_{name.upper()}` | {shown} | {field.description} |"


def head(title: str) -> tuple[str, ...]:
    """What a page of the site begins with."""
    return "---", f"title: {title}", "---", ""


def error_guide() -> str:
    """One section a type."""
    lines = [
        *head("Errors"),
        "Every error of every route has one shape: `code` is the HTTP status, `detail` a sentence",
        "for people, `type` one of the names below for programs, and `errors`, where there is",
        "anything to name, says what is wrong where. What was sent is never echoed. Only the pages",
        "for people tell theirs as pages.",
        "",
    ]
    for kind in errors.ALL:
        doc = " ".join((kind.__doc__ or "").split())
        lines += [f"## `{kind.type.value}`", "", f"HTTP {kind.status}. {doc}", ""]
        lines += [kind.advice, ""]
    return "\n".join(lines).rstrip() + "\n"


def client_errors() -> str:
    """The SDK's exceptions: one a type; those that share a status stand under its first."""
    first: dict[int, str] = {}
    lines = [
        '"""The exceptions of the SDK, one a `type` of the service\'s errors.',
        "",
        "Written by scripts/generate.py from vestibule.errors: change it there.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from vestibule.client.failures import VestibuleError",
        "",
    ]
    for kind in errors.ALL:
        base = first.setdefault(kind.status, kind.__name__)
        text = " ".join((kind.__doc__ or "").split())
        doc = textwrap.wrap(f'"""{text}"""', 96)
        if len(doc) > 1:  # a summary, then the closing quotes on a line of their own
            doc = [*textwrap.wrap(f'"""{text}', 96), '"""']
        lines += [
            "",
            f"class {kind.__name__}({base if base != kind.__name__ else 'VestibuleError'}):",
            *(f"    {line}" for line in doc),
            "",
            f"    default_code = {kind.status}",
            f'    default_type = "{kind.type.value}"',
            "",
        ]
    lines += ["", "BY_TYPE: dict[str, type[VestibuleError]] = {"]
    lines += [f'    "{kind.type.value}": {kind.__name__},' for kind in errors.ALL]
    lines += ["}", "", "BY_STATUS: dict[int, type[VestibuleError]] = {"]
    lines += [f"    {status}: {name}," for status, name in first.items()]
    lines += ["}", '"""What an unknown type of a status is."""', "", "__all__ = ["]
    lines += [f'    "{name}",' for name in sorted(kind.__name__ for kind in errors.ALL)]
    return "\n".join([*lines, "]"]) + "\n"


def unmigrated() -> Iterator[str]:
    """What the tables in the code have and the migrations lack."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/check.db"
        schema.upgrade(url)
        try:
            command.check(schema.alembic_config(url))
        except CommandError as error:
            yield str(error)


if __name__ == "__main__":
    sys.exit(main())
