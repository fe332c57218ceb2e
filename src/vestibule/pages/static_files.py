"""`/static`: the style sheet, read once."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vestibule.pages.rendering import HERE


def router() -> APIRouter:
    """The files that pages need, by exact name: no path of a request reaches the disk."""
    routes = APIRouter(include_in_schema=False)
    style = (HERE / "static" / "vestibule.css").read_bytes()
    tag = f'"{hashlib.sha256(style).hexdigest()[:16]}"'
    headers = {"Cache-Control": "public, max-age=3600", "ETag": tag}

    @routes.get("/static/vestibule.css")
    async def stylesheet(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(style, media_type="text/css", headers=headers)

    return routes
