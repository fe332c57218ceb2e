"""Errors as pages, for people whose browsers ask."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import ApiError
from vestibule.http.context import context_of
from vestibule.http.envelope import Answer, in_envelope
from vestibule.pages import language
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import Pages

PROGRAMS = ("/.well-known/", "/api/", "/metrics", "/oauth2/", "/scim/")
"""Where errors are for programs, whoever asks: the contract is the same for a browser there."""


def answering(pages: Pages) -> Answer:
    """What answers with a page where a person asks, and in the envelope where a program does."""

    def answer(request: Request, error: ApiError) -> Response:
        if request.scope["path"].startswith(PROGRAMS):
            return in_envelope(request, error)
        if "text/html" not in request.headers.get("accept", ""):
            return in_envelope(request, error)
        language.choose(request)
        return error_page(pages, request, error)

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
