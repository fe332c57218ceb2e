"""What a route says of itself for the OpenAPI document, beside its own declaration."""

from __future__ import annotations

from typing import Any

from vestibule.errors import (
    ApiError,
    AuthenticationFailed,
    InsufficientScope,
    InternalError,
    InvalidRequest,
    UpgradeRequired,
)

ERRORS = "x-errors"
OAUTH = "x-oauth"
SECURED: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]


def operation(
    *errors: type[ApiError], secured: bool = False, oauth: bool = False, **extra: Any
) -> dict[str, Any]:
    """`openapi_extra` of a route that answers with these errors, and with 400 and 500 as all do.

    `secured`: it asks for an access token or an API key, so also 401, 403 and 426. `oauth`: its
    errors carry RFC 6749's `error` and `error_description`. `extra` stands in the operation as
    it is (`requestBody`).
    """
    always: list[type[ApiError]] = [InvalidRequest, InternalError]
    if secured:
        always += [AuthenticationFailed, InsufficientScope, UpgradeRequired]
        extra["security"] = SECURED
    kinds = sorted({*errors, *always}, key=lambda kind: (kind.status, kind.__name__))
    return {ERRORS: [kind.__name__ for kind in kinds], OAUTH: oauth, **extra}
