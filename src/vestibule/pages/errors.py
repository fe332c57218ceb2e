"""Errors as pages, for people whose browsers ask."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from vestibule import logs
from vestibule.errors import ApiError
from vestibule.http.context import context_of
from vestibule.http.envelope import Answer, in_envelope
from vestibule.pages import language
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages


def answering(pages: Pages, routes: Sequence[BaseRoute]) -> Answer:
    """What answers with a page where a browser has asked for one, and in the envelope elsewhere.

    `routes` are those of pages. What they refuse they tell themselves: this is for what fails
    before or behind them.
    """

    def answer(request: Request, error: ApiError) -> Response:
        wanted = "text/html" in request.headers.get("accept", "")
        if not wanted or not any(r.matches(request.scope)[0] is Match.FULL for r in routes):
            return in_envelope(request, error)
        try:
            language.choose(request)
            return error_page(pages, request, error)
        except Exception as defect:
            # Nothing is left that could tell of this, so it is told without a page.
            logs.get("pages").error("defect", exc_info=defect)
            return in_envelope(request, error)

    return answer


def error_page(pages: Pages, request: Request, error: ApiError) -> Response:
    """The page that says what has failed, in the language that was chosen."""
    return pages.page(
        "error.html",
        status=error.status,
        headers=dict(error.headers),
        title=_(error.description),
        detail=_(error.detail),
        request_id=context_of(request).request_id,
    )
