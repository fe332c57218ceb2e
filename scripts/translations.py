"""The gettext catalogues of the pages: what is there to translate, and what is compiled of it.

With an argument, take new texts into the catalogue of that language, to be translated by hand.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from vestibule import errors

PACKAGE = Path(__file__).parent.parent / "src" / "vestibule"
LOCALE = PACKAGE / "pages" / "locale"
METHODS = [
    # What is said to programs and on the command line is in English.
    *((f"{name}/**", "ignore") for name in ("cli", "client", "scim", "settings", "verify")),
    ("**.py", "python"),
    ("pages/templates/**.html", "jinja2"),
]
OPTIONS = {"pages/templates/**.html": {"trimmed": "true"}}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OF_TOOLS = (b'"Report-', b'"POT-', b'"PO-', b'"Last-', b'"Language-Team', b'"Generated-')
"""Lines of the head of a catalogue that nobody reads."""
ERRORS = {kind.__name__: (1,) for kind in errors.ALL}
"""Errors say first what went wrong."""
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "noop": None, **ERRORS, "of": (2,)}
"""`ValidationFailed.of` says it after the name of the field."""


def texts() -> Catalog:
    """All that is there to translate, in the order of the files."""
    catalog = Catalog(project="Vestibule", charset="utf-8")
    found = extract_from_dir(PACKAGE, METHODS, OPTIONS, KEYWORDS)
    for file, _line, message, _comments, context in sorted(found, key=lambda item: item[:2]):
        if file.endswith(".html") or _is_said(message):
            catalog.add(message, context=context)
    for kind in errors.ALL:
        catalog.add(kind.description)
    return catalog


def catalogue(path: Path) -> Catalog:
    """A catalogue as it is committed."""
    with path.open("rb") as file:
        read = read_po(file, locale=path.parts[-3], domain="vestibule")
    # When somebody worked on it is in the history; here it would make each copy another.
    read.creation_date = read.revision_date = EPOCH
    return read


def compiled() -> Iterator[tuple[Path, bytes]]:
    """(file, content) of what the pages read, for each language."""
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/vestibule.po")):
        content = io.BytesIO()
        write_mo(content, catalogue(path))
        yield path.with_suffix(".mo"), content.getvalue()


def untranslated() -> Iterator[str]:
    """What the catalogues lack of the texts, or hold beyond them."""
    wanted = {message.id for message in texts() if message.id}
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/vestibule.po")):
        had = {m.id for m in catalogue(path) if m.id and m.string and not m.fuzzy and _whole(m)}
        for text in sorted(map(str, wanted - had)):
            yield f"{path.parts[-3]}: not translated: {text}"
        for text in sorted(map(str, had - wanted)):
            yield f"{path.parts[-3]}: not there any more: {text}"


def _is_said(message: str | tuple[str, ...]) -> bool:
    """Whether it is for people: some errors say first why, in a word for the trail."""
    return not isinstance(message, str) or message[:1].isupper() or " " in message.strip()


def _whole(message: object) -> bool:
    strings = getattr(message, "string", "")
    return all(strings) if isinstance(strings, (tuple, list)) else bool(strings)


def update(language: str) -> None:
    """Take new texts into a catalogue, and old ones out; make it where there is none."""
    path = LOCALE / language / "LC_MESSAGES" / "vestibule.po"
    template = texts()
    if path.exists():
        known = catalogue(path)
        known.update(template, no_fuzzy_matching=True, update_header_comment=False)
        known.obsolete.clear()
    else:
        known = template
        known.locale = language
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    write_po(content, known, no_location=True, ignore_obsolete=True, width=100)
    lines = content.getvalue().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if not line.startswith(OF_TOOLS)))


if __name__ == "__main__":
    update(sys.argv[1])
    sys.exit("\n".join(untranslated()) or 0)
