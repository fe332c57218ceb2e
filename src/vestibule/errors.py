"""Every error that Vestibule answers with: one class a row of the login contract.

The OpenAPI responses and the errors guide are generated from these classes. A service
raises one of them; the HTTP layer turns it into the envelope, `APIErrorPayload`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class ErrorType(StrEnum):
    """The stable, machine-readable types. One that was published never changes its meaning."""

    INVALID = "invalid_error"
    AUTHENTICATION = "authentication_error"
    FORBIDDEN = "forbidden_error"
    NOT_FOUND = "not_found_error"
    METHOD_NOT_ALLOWED = "method_not_allowed_error"
    ALREADY_EXISTS = "already_exists_error"
    VALIDATION = "validation_error"
    UPGRADE_REQUIRED = "upgrade_required_error"
    RATE_LIMIT = "rate_limit_error"
    INTERNAL = "internal_error"
    DATABASE = "database_error"
    BAD_GATEWAY = "bad_gateway_error"
    GATEWAY_TIMEOUT = "gateway_timeout_error"


class ValidationErrorItem(BaseModel):
    """One thing that is wrong with what was sent. Never holds the value itself."""

    model_config = ConfigDict(json_schema_extra={"description": ""})

    loc: list[str | int] = Field(description="Where the validation error occurred")
    msg: str = Field(description="Human-readable validation message")
    type: str = Field(description="Machine-readable validation error type")


class APIErrorPayload(BaseModel):
    """Canonical API error envelope returned by the API."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": 401,
                "detail": "Authentication failed",
                "type": "authentication_error",
            }
        }
    )

    code: int = Field(
        description="HTTP status code",
        json_schema_extra={"enum": [400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504]},
    )
    detail: str = Field(description="Human-readable error message")
    errors: list[ValidationErrorItem] | None = None
    type: str = Field(
        description="Stable machine-readable error type",
        json_schema_extra={"enum": [member.value for member in ErrorType]},
    )


class ApiError(Exception):
    """The base of all errors that a client is told of.

    `cause` is for the audit trail and the log alone: a short name of why, never told to the
    client and never holding what the client sent.
    """

    status: ClassVar[int]
    type: ClassVar[ErrorType]
    description: ClassVar[str]
    """The response's description in the OpenAPI document."""
    advice: ClassVar[str]
    """What a client does about it, for the errors guide."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        cause: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[ValidationErrorItem] | None = None,
    ) -> None:
        self.detail = detail or self.description
        self.cause = cause or self.type.value.removesuffix("_error")
        self.headers = dict(headers or {})
        self.errors = list(errors) if errors else None
        super().__init__(self.detail)

    def payload(self) -> dict[str, Any]:
        """The envelope's content; `errors` stands in it only where there are any."""
        body: dict[str, Any] = {"code": self.status, "detail": self.detail}
        if self.errors is not None:
            body["errors"] = [item.model_dump() for item in self.errors]
        body["type"] = self.type.value
        return body


class InvalidRequest(ApiError):
    """The request can't be understood as it was sent, or asks for what its client may not ask."""

    status = 400
    type = ErrorType.INVALID
    description = "Invalid request"
    advice = "Correct the program: send the form as documented, each parameter once."


class AuthenticationFailed(ApiError):
    """The credentials do not prove who is asking. Which of them was wrong is never told."""

    status = 401
    type = ErrorType.AUTHENTICATION
    description = "Authentication failed"
    advice = "Ask for the credentials again. `WWW-Authenticate` says what kind is taken."

    def __init__(
        self,
        detail: str | None = None,
        *,
        cause: str | None = None,
        challenge: str = 'Bearer realm="vestibule"',
    ) -> None:
        # RFC 9110 §11.6.1 demands a challenge. Never `Basic`: browsers answer it with a dialog.
        super().__init__(detail, cause=cause, headers={"WWW-Authenticate": challenge})


class AccessForbidden(ApiError):
    """It is known who is asking, and that is not allowed. Told to the right password only."""

    status = 403
    type = ErrorType.FORBIDDEN
    description = "Access forbidden"
    advice = "Trying again does not help; `detail` says what stands in the way."


class NotFound(ApiError):
    """What was asked for does not exist, or is not for the caller to know of."""

    status = 404
    type = ErrorType.NOT_FOUND
    description = "Not found"
    advice = "Check the name. Somebody else's and nobody's are answered alike."


class MethodNotAllowed(ApiError):
    """The resource exists, but not for this method; `Allow` names those that it has."""

    status = 405
    type = ErrorType.METHOD_NOT_ALLOWED
    description = "Method not allowed"
    advice = "Use one of the methods in `Allow`."


class AlreadyExists(ApiError):
    """A name that must be unique belongs to something else already."""

    status = 409
    type = ErrorType.ALREADY_EXISTS
    description = "Already exists"
    advice = "Choose another name, or link the two accounts."


class ValidationFailed(ApiError):
    """A value is missing, too long or not of its form; `errors` names each."""

    status = 422
    type = ErrorType.VALIDATION
    description = "Validation error"
    advice = "Show each `msg` beside the field that its `loc` names."

    @classmethod
    def of(cls, field: str, message: str) -> ValidationFailed:
        """The error for one field."""
        item = ValidationErrorItem(loc=["body", field], msg=message, type="value_error")
        return cls(message, errors=[item])


class UpgradeRequired(ApiError):
    """The request needs TLS, or a newer client; `Upgrade` names it (RFC 9110 §15.5.22)."""

    status = 426
    type = ErrorType.UPGRADE_REQUIRED
    description = "Upgrade required"
    advice = "Use https, or update the client to the version that `Upgrade` names."

    def __init__(self, detail: str, *, upgrade: str, cause: str) -> None:
        # RFC 9110 §7.8: who sends Upgrade also names it in Connection.
        super().__init__(detail, cause=cause, headers={"Upgrade": upgrade, "Connection": "upgrade"})


class RateLimited(ApiError):
    """Too many tries, or no room to check another password in time. Try after `Retry-After`."""

    status = 429
    type = ErrorType.RATE_LIMIT
    description = "Rate limited"
    advice = "Wait `Retry-After` seconds, then try once. `RateLimit` says which limit was met."

    def __init__(
        self,
        detail: str = "Too many attempts, try again later",
        *,
        cause: str,
        retry_after: float,
        policy: str,
        quota: int,
        window: float | None = None,
    ) -> None:
        """`retry_after` and `window` are in seconds; `policy` names the limit that was met.

        The two RateLimit fields follow draft-ietf-httpapi-ratelimit-headers.
        """
        seconds = max(1, math.ceil(retry_after))
        span = f";w={math.ceil(window)}" if window is not None else ""
        self.retry_after = seconds
        super().__init__(
            detail,
            cause=cause,
            headers={
                "Retry-After": str(seconds),
                "RateLimit-Policy": f'"{policy}";q={quota}{span}',
                "RateLimit": f'"{policy}";r=0;t={seconds}',
            },
        )


class InternalError(ApiError):
    """A defect. The request id ties the answer to the log; the answer says nothing else."""

    status = 500
    type = ErrorType.INTERNAL
    description = "Internal server error"
    advice = "Try again later, and report it with the `X-Request-ID` of the answer."


class DatabaseUnavailable(ApiError):
    """The database is out of reach. Nothing was changed; try again after `Retry-After`."""

    status = 500
    type = ErrorType.DATABASE
    description = "Internal server error"
    advice = "Try again after `Retry-After` seconds: nothing was changed."

    def __init__(self, *, retry_after: int = 5) -> None:
        super().__init__(cause="database", headers={"Retry-After": str(retry_after)})


class BadGateway(ApiError):
    """The upstream directory refused, dropped or garbled the exchange."""

    status = 502
    type = ErrorType.BAD_GATEWAY
    description = "Bad gateway"
    advice = "Try again later; the directory behind the service is at fault."


class GatewayTimeout(ApiError):
    """The upstream directory did not answer in time."""

    status = 504
    type = ErrorType.GATEWAY_TIMEOUT
    description = "Gateway timeout"
    advice = "Try again later; the directory behind the service is slow."


ALL: tuple[type[ApiError], ...] = (
    InvalidRequest,
    AuthenticationFailed,
    AccessForbidden,
    NotFound,
    MethodNotAllowed,
    AlreadyExists,
    ValidationFailed,
    UpgradeRequired,
    RateLimited,
    InternalError,
    DatabaseUnavailable,
    BadGateway,
    GatewayTimeout,
)
"""The one list, by status."""
