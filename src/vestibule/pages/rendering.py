"""Pages as HTTP answers: templates, and the headers that keep a browser from doing harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

HERE = Path(__file__).parent


class Pages:
    """Renders templates."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            # Every field that is shown was somebody's to choose.
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        then: str | None = None,
        headers: dict[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page. `then` is where its form may lead at the end, besides to us."""
        content = self._templates.get_template(template).render(**context)
        return HTMLResponse(
            content, status_code=status, headers={**security_headers(then), **(headers or {})}
        )


def security_headers(then: str | None = None) -> dict[str, str]:
    """No script, no frame, no other origin; forms go here and to where `then` is."""
    targets = "'self'" if then is None else f"'self' {_source(then)}"
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
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
