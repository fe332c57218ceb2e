"""`/docs`: the OpenAPI document in Swagger UI, whose files come with a package and from us."""

from __future__ import annotations

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from vestibule.pages import static_files
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRoute, PageRouter

PATH = "/docs"
FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)
"""Swagger UI draws its icons as `data:`, so this page alone allows that."""


def routes(pages: Pages) -> list[BaseRoute]:
    """The page and what it loads; nothing of either comes from another origin."""
    shown = PageRouter(pages)

    @shown.page(PATH)
    async def reference(_request: Request) -> Response:
        """What there is to call, and a way to try it."""
        return pages.page("api_reference.html", headers={"Content-Security-Policy": POLICY})

    folder = resources.files("fastapi_swagger.resources")
    return [
        *shown.routes,
        *(
            PageRoute(
                f"{PATH}/{name}",
                static_files.file((folder / name).read_bytes(), media_type=media_type),
            )
            for name, media_type in FILES.items()
        ),
    ]
