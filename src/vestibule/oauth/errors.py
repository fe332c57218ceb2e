"""Errors as standard OAuth libraries understand them (RFC 6749 §5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

PERSONS = {"password", "user_unknown", "account_changed"}
"""Causes of a 401 that are the person's credentials, which RFC 6749 calls a grant."""

SCOPES = {"client_org", "org_suspended", "org_sign_in", "org_unknown"}
"""Causes that say no to what `scope` has asked for."""


@contextmanager
def oauth_errors() -> Iterator[None]:
    """Turn errors into those of RFC 6749 before the trail sees them: it tells what was sent."""
    try:
        yield
    except ApiError as error:
        raise as_oauth(error) from None


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
