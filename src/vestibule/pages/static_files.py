"""`/static`: style sheets, scripts and pictures, read once."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from vestibule.pages.branding import Brand
from vestibule.pages.rendering import HERE
from vestibule.pages.routes import PageRoute

PREFIX = "/static"
FILES = {
    "pico.min.css": "text/css",
    "vestibule.css": "text/css",
    "htmx.min.js": "text/javascript",
    "vestibule.js": "text/javascript",
    "vestibule.svg": "image/svg+xml",
    "chevron.svg": "image/svg+xml",
    "api-reference.js": "text/javascript",
}
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""For a logo that somebody opens by itself: a picture may hold scripts."""


def routes(brand: Brand) -> list[BaseRoute]:
    """The files that pages need, by exact name: no path of a request reaches the disk."""
    files = [(name, _content(name), media_type) for name, media_type in FILES.items()]
    files.append(("brand.css", brand.style, "text/css"))
    if brand.logo is not None:
        files.append(("logo", brand.logo, brand.logo_type))
    return [
        PageRoute(f"{PREFIX}/{name}", file(content, media_type=media_type))
        for name, content, media_type in files
    ]


@cache
def _content(name: str) -> bytes:
    return (HERE / "static" / name).read_bytes()


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def file(content: bytes, *, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers with this, compressed for whoever can read it so."""
    tag = hashlib.sha256(content).hexdigest()[:16]
    common = {
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": SANDBOX,
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    async def answer(request: Request) -> Response:
        small = "gzip" in request.headers.get("accept-encoding", "") and len(content) > 1000
        # Each encoding is a representation of its own (RFC 9110 §8.8.3.3).
        headers = {**common, "ETag": f'"{tag}-gzip"' if small else f'"{tag}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if small:
            headers["Content-Encoding"] = "gzip"
        # In a thread, once: the largest takes as long as a login.
        body = await asyncio.to_thread(_compressed, content) if small else content
        return Response(body, media_type=media_type, headers=headers)

    return answer
