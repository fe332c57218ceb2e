"""Every error that Vestibule answers with: one class a type.

The OpenAPI responses, the errors guide and the exceptions of the client library are generated
from these classes. A service raises one of them; the HTTP layer turns it into the envelope.
"""

from __future__ import annotations

from vestibule.errors.base import (
    ApiError,
    APIErrorPayload,
    ErrorType,
    NotReadyPayload,
    OAuthErrorPayload,
    ValidationErrorItem,
)
from vestibule.errors.contract import (
    AccessForbidden,
    AlreadyExists,
    AuthenticationFailed,
    BadGateway,
    Conflict,
    DatabaseUnavailable,
    GatewayTimeout,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.errors.oauth import (
    AuthorizationPending,
    ExpiredToken,
    InsufficientScope,
    InvalidDpopProof,
    InvalidGrant,
    SlowDown,
    UnauthorizedClient,
    UnsupportedGrantType,
)

ALL: tuple[type[ApiError], ...] = (
    InvalidRequest,
    AuthenticationFailed,
    AccessForbidden,
    NotFound,
    MethodNotAllowed,
    AlreadyExists,
    Conflict,
    ValidationFailed,
    UpgradeRequired,
    RateLimited,
    InternalError,
    DatabaseUnavailable,
    NotReady,
    BadGateway,
    GatewayTimeout,
    InsufficientScope,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidDpopProof,
    ExpiredToken,
    AuthorizationPending,
    SlowDown,
)
"""The one list: the contract's rows by status, then those of after the login."""

__all__ = [
    "ALL",
    "APIErrorPayload",
    "AccessForbidden",
    "AlreadyExists",
    "ApiError",
    "AuthenticationFailed",
    "AuthorizationPending",
    "BadGateway",
    "Conflict",
    "DatabaseUnavailable",
    "ErrorType",
    "ExpiredToken",
    "GatewayTimeout",
    "InsufficientScope",
    "InternalError",
    "InvalidDpopProof",
    "InvalidGrant",
    "InvalidRequest",
    "MethodNotAllowed",
    "NotFound",
    "NotReady",
    "NotReadyPayload",
    "OAuthErrorPayload",
    "RateLimited",
    "SlowDown",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "UpgradeRequired",
    "ValidationErrorItem",
    "ValidationFailed",
]
