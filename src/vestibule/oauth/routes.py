"""Routes whose errors standard OAuth libraries understand (RFC 6749 §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import (
    AccessForbidden,
    ApiError,
    AuthenticationFailed,
    InvalidGrant,
    InvalidRequest,
    NotFound,
    UnauthorizedClient,
    ValidationFailed,
)
from vestibule.http.envelope import error_response, validation_items

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

PERSONS = {"password", "user_unknown", "account_changed"}
"""Causes of a 401 that are the person's credentials, which RFC 6749 calls a grant."""

SCOPES = {"client_org", "org_suspended", "org_sign_in", "org_unknown"}
"""Causes that say no to what `scope` has asked for."""


class OAuthRoute(APIRoute):
    """Answers errors with the statuses of RFC 6749."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ApiError as error:
                return error_response(as_oauth(error), path=request.url.path)
            except RequestValidationError as error:
                failed = InvalidRequest(errors=validation_items(error.errors()))
                return error_response(failed, path=request.url.path)

        return handle


def as_oauth(error: ApiError) -> ApiError:
    """The same error as RFC 6749 §5.2 answers it: 400 for all but the client's own credentials."""
    if isinstance(error, AuthenticationFailed) and error.cause in PERSONS:
        return InvalidGrant("The username or password is wrong", cause=error.cause)
    if isinstance(error, AccessForbidden) and error.cause == "client_grant":
        return UnauthorizedClient(error.detail, cause=error.cause)
    if isinstance(error, AccessForbidden | NotFound) and error.cause in SCOPES:
        return InvalidRequest(error.detail, cause=error.cause, oauth="invalid_scope")
    if isinstance(error, AccessForbidden):
        return InvalidGrant(error.detail, cause=error.cause)
    if isinstance(error, ValidationFailed):
        return InvalidRequest(
            "A parameter is missing or not of its form", cause=error.cause, errors=error.errors
        )
    return error
