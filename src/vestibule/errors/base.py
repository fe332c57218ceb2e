"""What all errors share: their types, the envelope, and the class that becomes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

_NOT_ALLOWED = re.compile(r"[^ !#-\[\]-~]")
"""All but the characters of an `error_description` (RFC 6749 §5.2)."""


class ErrorType(StrEnum):
    """The stable, machine-readable types. One that was published never changes its meaning."""

    INVALID = "invalid_error"
    AUTHENTICATION = "authentication_error"
    FORBIDDEN = "forbidden_error"
    NOT_FOUND = "not_found_error"
    METHOD_NOT_ALLOWED = "method_not_allowed_error"
    ALREADY_EXISTS = "already_exists_error"
    CONFLICT = "conflict_error"
    VALIDATION = "validation_error"
    UPGRADE_REQUIRED = "upgrade_required_error"
    RATE_LIMIT = "rate_limit_error"
    INTERNAL = "internal_error"
    DATABASE = "database_error"
    NOT_READY = "not_ready_error"
    BAD_GATEWAY = "bad_gateway_error"
    GATEWAY_TIMEOUT = "gateway_timeout_error"
    INSUFFICIENT_SCOPE = "insufficient_scope_error"
    INVALID_GRANT = "invalid_grant_error"
    UNAUTHORIZED_CLIENT = "unauthorized_client_error"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type_error"
    INVALID_DPOP_PROOF = "invalid_dpop_proof_error"
    EXPIRED_TOKEN = "expired_token_error"  # noqa: S105  (a type's name)
    AUTHORIZATION_PENDING = "authorization_pending_error"
    SLOW_DOWN = "slow_down_error"


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


class NotReadyPayload(APIErrorPayload):
    """The canonical envelope with the one status that readiness has beside those of the login."""

    code: int = Field(description="HTTP status code", json_schema_extra={"enum": [503]})


class OAuthErrorPayload(APIErrorPayload):
    """The canonical envelope with the two members of RFC 6749 §5.2, on the OAuth endpoints."""

    error: str = Field(description="The error code of RFC 6749 and its extensions")
    error_description: str = Field(description="Human-readable error message, in ASCII")


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
    oauth: str = "invalid_request"
    """The error code of RFC 6749 §5.2 and its extensions, told by the OAuth endpoints."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        cause: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[ValidationErrorItem] | None = None,
        oauth: str | None = None,
    ) -> None:
        if oauth is not None:
            self.oauth = oauth
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

    def oauth_payload(self) -> dict[str, Any]:
        """The same with `error` and `error_description`, for standard OAuth libraries."""
        return {
            **self.payload(),
            "error": self.oauth,
            "error_description": _NOT_ALLOWED.sub("'", self.detail),
        }
