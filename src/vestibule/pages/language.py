"""The language of pages: what the person chose, or else what their browser asks for.

Texts are written in English where they are used, and looked up in gettext catalogues.
"""

from __future__ import annotations

import gettext as catalogues
from contextvars import ContextVar
from pathlib import Path

from starlette.requests import Request

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "vestibule"
COOKIE = "vestibule-language"
ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}
"""Tags (BCP 47) and names, each in its own words."""

_catalogues: dict[str, catalogues.NullTranslations] = {
    tag: catalogues.translation(DOMAIN, LOCALE, [tag], fallback=tag == ENGLISH) for tag in LANGUAGES
}
_current: ContextVar[str] = ContextVar("language", default=ENGLISH)
_address: ContextVar[str] = ContextVar("address", default="/")


def choose(request: Request) -> None:
    """Speak to the sender of this request in the best language that there is."""
    wanted = [
        *request.query_params.get("ui_locales", "").split(),  # OpenID Connect Core §3.1.2.1
        request.cookies.get(COOKIE, ""),
        *accepted(request.headers.get("accept-language", "")),
    ]
    found = (tag.lower().partition("-")[0] for tag in wanted)
    _current.set(next((tag for tag in found if tag in LANGUAGES), ENGLISH))
    url = request.url
    _address.set(f"{url.path}?{url.query}" if url.query else url.path)


def accepted(header: str) -> list[str]:
    """The tags of `Accept-Language`, best first (RFC 9110 §12.5.4); rubbish is left out."""
    ranked = []
    for item in header[:1000].split(","):
        tag, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            try:
                quality = float(value) if name.strip().lower() == "q" else quality
            except ValueError:
                quality = 0
        if tag and 0 < quality <= 1:
            ranked.append((quality, tag))
    return [tag for _, tag in sorted(ranked, key=lambda pair: -pair[0])]


def current() -> str:
    """The tag of the language that is spoken now."""
    return _current.get()


def address() -> str:
    """The path and query that were asked for: where somebody who changes the language stays."""
    return _address.get()


def gettext(text: str) -> str:
    """The text in the language that is spoken now, or as it is where nobody has translated it."""
    return _catalogues[_current.get()].gettext(text) if text else text


def noop(text: str) -> str:
    """The text as it is: marks what is looked up later."""
    return text


def ngettext(one: str, many: str, count: int) -> str:
    """The same for a number of things."""
    return _catalogues[_current.get()].ngettext(one, many, count)
