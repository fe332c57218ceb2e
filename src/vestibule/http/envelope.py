"""The canonical error envelope on the wire, for our errors and for the framework's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

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
    ValidationErrorItem,
    ValidationFailed,
)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
"""A field that could be misspelt; no secret of ours is so short."""

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""Those that a route of ours may have; HEAD is GET's, of one layer for all."""


_encode = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: `json.dumps` with separators makes an encoder each time."""

Answer = Callable[[Request, ApiError], Response]
"""How a request is told that it has failed."""

OAUTH = "/oauth2/"
"""Below this standard OAuth libraries call: errors carry RFC 6749's members as well."""


def in_envelope(request: Request, error: ApiError) -> Response:
    """The answer to a program."""
    return error_response(error, path=request.scope["path"])


def error_response(error: ApiError, *, path: str = "") -> Response:
    """The envelope as an HTTP response for a request to `path`, with the error's headers."""
    content = error.oauth_payload() if path.startswith(OAUTH) else error.payload()
    return Response(
        content=_encode(content),
        status_code=error.status,
        headers=error.headers,
        media_type="application/json",
    )


def validation_items(errors: Sequence[Any]) -> list[ValidationErrorItem]:
    """Pydantic's findings without `input` and `ctx`, which carry what was sent."""
    return [
        ValidationErrorItem(loc=_place(item), msg=_message(item), type=item["type"])
        for item in errors
    ]


def _place(item: Any) -> list[str | int]:
    """Where it is; a name that only the sender knows is told where it is a name at all."""
    place: list[str | int] = list(item["loc"])
    if item["type"] == "extra_forbidden" and not NAME.fullmatch(str(place[-1])):
        place[-1] = "(unknown)"
    return place


def _message(item: Any) -> str:
    # A `value_error` is one of our own sentences; the framework prefixes it.
    return str(item["msg"]).removeprefix("Value error, ")


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
