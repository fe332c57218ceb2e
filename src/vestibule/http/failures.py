"""What the framework is to do with exceptions: our errors, and its own."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from vestibule.errors import (
    ApiError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ValidationFailed,
)
from vestibule.http.envelope import Answer, validation_items

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""Those that a route of ours may have; HEAD is GET's, of one layer for all."""


def install(app: FastAPI, answer: Answer) -> None:
    """Answer to every exception that the framework can meet."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return answer(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, ValidationFailed(errors=validation_items(error.errors())))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        translated = _translated(error)
        if isinstance(translated, MethodNotAllowed):
            translated.headers["Allow"] = ", ".join(_allowed(app, request))
        return answer(request, translated)

    app.add_exception_handler(ApiError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """The methods of a path (RFC 9110 §10.2.1): the framework names the first route's alone."""
    return [
        method
        for method in METHODS
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in app.routes)
    ]


def _translated(error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return NotFound()
    if error.status_code == 405:
        return MethodNotAllowed()
    if error.status_code < 500:
        return InvalidRequest()
    return InternalError()
