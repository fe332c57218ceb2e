"""The exceptions of the SDK, one a `type` of the service's errors.

Written by scripts/generate.py from vestibule.errors: change it there.
"""

from __future__ import annotations

from vestibule.client.failures import VestibuleError


class InvalidRequest(VestibuleError):
    """The request can't be understood as it was sent, or asks for what its client may not ask."""

    default_code = 400
    default_type = "invalid_error"


class AuthenticationFailed(VestibuleError):
    """The credentials do not prove who is asking. Which of them was wrong is never told."""

    default_code = 401
    default_type = "authentication_error"


class AccessForbidden(VestibuleError):
    """It is known who is asking, and that is not allowed. Told to the right password only."""

    default_code = 403
    default_type = "forbidden_error"


class NotFound(VestibuleError):
    """What was asked for does not exist, or is not for the caller to know of."""

    default_code = 404
    default_type = "not_found_error"


class MethodNotAllowed(VestibuleError):
    """The resource exists, but not for this method; `Allow` names those that it has."""

    default_code = 405
    default_type = "method_not_allowed_error"


class AlreadyExists(VestibuleError):
    """A name that must be unique belongs to something else already."""

    default_code = 409
    default_type = "already_exists_error"


class Conflict(AlreadyExists):
    """What was asked for stands against how things are now: a last owner, a default workspace."""

    default_code = 409
    default_type = "conflict_error"


class ValidationFailed(VestibuleError):
    """A value is missing, too long or not of its form; `errors` names each."""

    default_code = 422
    default_type = "validation_error"


class UpgradeRequired(VestibuleError):
    """The request needs TLS, or a newer client; `Upgrade` names it (RFC 9110 §15.5.22)."""

    default_code = 426
    default_type = "upgrade_required_error"


class RateLimited(VestibuleError):
    """Too many tries, or no room to check another password in time. Try after `Retry-After`."""

    default_code = 429
    default_type = "rate_limit_error"


class InternalError(VestibuleError):
    """A defect. The request id ties the answer to the log; the answer says nothing else."""

    default_code = 500
    default_type = "internal_error"


class DatabaseUnavailable(InternalError):
    """The database is out of reach. Nothing was changed; try again after `Retry-After`."""

    default_code = 500
    default_type = "database_error"


class NotReady(VestibuleError):
    """The instance should not be sent requests now: `errors` names what it lacks."""

    default_code = 503
    default_type = "not_ready_error"


class BadGateway(VestibuleError):
    """The upstream directory refused, dropped or garbled the exchange."""

    default_code = 502
    default_type = "bad_gateway_error"


class GatewayTimeout(VestibuleError):
    """The upstream directory did not answer in time."""

    default_code = 504
    default_type = "gateway_timeout_error"


class InsufficientScope(AccessForbidden):
    """The credential is valid, but not for this: it lacks a scope (RFC 6750 §3.1)."""

    default_code = 403
    default_type = "insufficient_scope_error"


class InvalidGrant(InvalidRequest):
    """A code, refresh token or other grant is unknown, spent, expired or somebody else's."""

    default_code = 400
    default_type = "invalid_grant_error"


class UnauthorizedClient(InvalidRequest):
    """The client has proved who it is, and is not allowed this grant (RFC 6749 §5.2)."""

    default_code = 400
    default_type = "unauthorized_client_error"


class UnsupportedGrantType(InvalidRequest):
    """There is no such grant here; the metadata document names those that there are."""

    default_code = 400
    default_type = "unsupported_grant_type_error"


class InvalidDpopProof(InvalidRequest):
    """The proof of the client's key does not fit this request (RFC 9449 §5)."""

    default_code = 400
    default_type = "invalid_dpop_proof_error"


class ExpiredToken(InvalidRequest):
    """The device code has expired before anybody approved it (RFC 8628 §3.5)."""

    default_code = 400
    default_type = "expired_token_error"


class AuthorizationPending(InvalidRequest):
    """Nobody has decided on the device code yet (RFC 8628 §3.5)."""

    default_code = 400
    default_type = "authorization_pending_error"


class SlowDown(InvalidRequest):
    """As `authorization_pending_error`, and it was asked too often (RFC 8628 §3.5)."""

    default_code = 400
    default_type = "slow_down_error"


BY_TYPE: dict[str, type[VestibuleError]] = {
    "invalid_error": InvalidRequest,
    "authentication_error": AuthenticationFailed,
    "forbidden_error": AccessForbidden,
    "not_found_error": NotFound,
    "method_not_allowed_error": MethodNotAllowed,
    "already_exists_error": AlreadyExists,
    "conflict_error": Conflict,
    "validation_error": ValidationFailed,
    "upgrade_required_error": UpgradeRequired,
    "rate_limit_error": RateLimited,
    "internal_error": InternalError,
    "database_error": DatabaseUnavailable,
    "not_ready_error": NotReady,
    "bad_gateway_error": BadGateway,
    "gateway_timeout_error": GatewayTimeout,
    "insufficient_scope_error": InsufficientScope,
    "invalid_grant_error": InvalidGrant,
    "unauthorized_client_error": UnauthorizedClient,
    "unsupported_grant_type_error": UnsupportedGrantType,
    "invalid_dpop_proof_error": InvalidDpopProof,
    "expired_token_error": ExpiredToken,
    "authorization_pending_error": AuthorizationPending,
    "slow_down_error": SlowDown,
}

BY_STATUS: dict[int, type[VestibuleError]] = {
    400: InvalidRequest,
    401: AuthenticationFailed,
    403: AccessForbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: AlreadyExists,
    422: ValidationFailed,
    426: UpgradeRequired,
    429: RateLimited,
    500: InternalError,
    503: NotReady,
    502: BadGateway,
    504: GatewayTimeout,
}
"""What an unknown type of a status is."""

__all__ = [
    "AccessForbidden",
    "AlreadyExists",
    "AuthenticationFailed",
    "AuthorizationPending",
    "BadGateway",
    "Conflict",
    "DatabaseUnavailable",
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
    "RateLimited",
    "SlowDown",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "UpgradeRequired",
    "ValidationFailed",
]
