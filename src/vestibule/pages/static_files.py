"""`/static`: the style sheet and the icon, read once."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vestibule.pages.rendering import HERE

FILES = {"vestibule.css": "text/css", "vestibule.svg": "image/svg+xml"}


def router() -> APIRouter:
    """The files that pages need, by exact name: no path of a request reaches the disk."""
    routes = APIRouter(include_in_schema=False)
    for name, media_type in FILES.items():
        content = (HERE / "static" / name).read_bytes()
        routes.add_api_route(f"/static/{name}", _file(content, media_type=media_type))
    return routes


def _file(content: bytes, *, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"Cache-Control": "public, max-age=3600", "ETag": tag}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return answer
