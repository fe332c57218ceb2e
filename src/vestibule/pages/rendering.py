"""Pages as HTTP answers: templates, and the headers that keep a browser from doing harm."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from vestibule.pages import language
from vestibule.pages.branding import Brand

HERE = Path(__file__).parent


class Pages:
    """Renders templates."""

    def __init__(self, brand: Brand) -> None:
        self._templates = _templates(brand)

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        then: str | None = None,
        headers: dict[str, str] | None = None,
        scripts: bool = False,
        **context: Any,
    ) -> Response:
        """A page. `then` is where its form may lead at the end, besides to us.

        `scripts` of ours run, and are in the template, where that is said; see `security_headers`.
        """
        content = self._templates.get_template(template).render(scripts=scripts, **context)
        told = {
            **security_headers(then, scripts=scripts),
            "Content-Language": language.current(),
            **(headers or {}),
        }
        return HTMLResponse(content, status_code=status, headers=told)


@cache
def _templates(brand: Brand) -> Environment:
    """The templates, which are the same for all applications of a process."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        # Every field that is shown was somebody's to choose.
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.policies["ext.i18n.trimmed"] = True
    # The extension adds this method, which no type knows.
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        language.gettext, language.ngettext, newstyle=True
    )
    templates.globals.update(
        brand=brand,
        languages=language.LANGUAGES,
        language=language.current,
        address=language.address,
    )
    templates.filters.update(moment=moment)
    return templates


def moment(when: datetime | None) -> Markup | str:
    """A time as people write it, in UTC, to the minute; empty for none."""
    if when is None:
        return ""
    at = when.astimezone(UTC)
    template = Markup('<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}">{0:%Y-%m-%d %H:%M} UTC</time>')
    return template.format(at)


def security_headers(then: str | None = None, *, scripts: bool = False) -> dict[str, str]:
    """Nothing inline, no frame, no other origin; forms go here and to where `then` is.

    Scripts are files of ours, and only where `scripts` says so: no page that asks for a password
    has any.
    """
    targets = "'self'" if then is None else f"'self' {_source(then)}"
    ours = "script-src 'self'; connect-src 'self'; " if scripts else ""
    policy = (
        f"default-src 'none'; {ours}style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {targets}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        # Not `no-referrer`: with that, browsers send forms with `Origin: null`.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if then is None:
        # A client may well have opened its sign-in in a window of its own.
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return headers


def _source(uri: str) -> str:
    """What CSP calls this place: an origin, or the scheme of a native app."""
    parts = urlsplit(uri)
    # CSP has no way to name an IPv6 address.
    if parts.scheme in ("http", "https") and "[" not in parts.netloc:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
