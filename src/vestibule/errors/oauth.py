"""What a client must tell apart after the login: tokens, devices, proofs of keys."""

from __future__ import annotations

from vestibule.errors.base import ApiError, ErrorType


class InsufficientScope(ApiError):
    """The credential is valid, but not for this: it lacks a scope (RFC 6750 §3.1)."""

    status = 403
    type = ErrorType.INSUFFICIENT_SCOPE
    description = "Access forbidden"
    advice = "Ask for a token or key with the scope that `WWW-Authenticate` names."
    oauth = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        challenge = f'Bearer realm="vestibule", error="insufficient_scope", scope="{scope}"'
        super().__init__(
            f"This needs the scope {scope}",
            cause="scope_missing",
            headers={"WWW-Authenticate": challenge},
        )


class InvalidGrant(ApiError):
    """A code, refresh token or other grant is unknown, spent, expired or somebody else's."""

    status = 400
    type = ErrorType.INVALID_GRANT
    description = "Invalid request"
    advice = "Let the person sign in again: this grant will never work."
    oauth = "invalid_grant"


class UnauthorizedClient(ApiError):
    """The client has proved who it is, and is not allowed this grant (RFC 6749 §5.2)."""

    status = 400
    type = ErrorType.UNAUTHORIZED_CLIENT
    description = "Invalid request"
    advice = "Register the client for this grant."
    oauth = "unauthorized_client"


class UnsupportedGrantType(ApiError):
    """There is no such grant here; the metadata document names those that there are."""

    status = 400
    type = ErrorType.UNSUPPORTED_GRANT_TYPE
    description = "Invalid request"
    advice = "Use one of `grant_types_supported` of the metadata document."
    oauth = "unsupported_grant_type"


class InvalidDpopProof(ApiError):
    """The proof of the client's key does not fit this request (RFC 9449 §5)."""

    status = 400
    type = ErrorType.INVALID_DPOP_PROOF
    description = "Invalid request"
    advice = "Make a fresh proof for each request, for its method and address; set the clock."
    oauth = "invalid_dpop_proof"


class ExpiredToken(ApiError):
    """The device code has expired before anybody approved it (RFC 8628 §3.5)."""

    status = 400
    type = ErrorType.EXPIRED_TOKEN
    description = "Invalid request"
    advice = "Start the device login again."
    oauth = "expired_token"


class AuthorizationPending(ApiError):
    """Nobody has decided on the device code yet (RFC 8628 §3.5)."""

    status = 400
    type = ErrorType.AUTHORIZATION_PENDING
    description = "Invalid request"
    advice = "Ask again after `interval` seconds."
    oauth = "authorization_pending"


class SlowDown(ApiError):
    """As `authorization_pending_error`, and it was asked too often (RFC 8628 §3.5)."""

    status = 400
    type = ErrorType.SLOW_DOWN
    description = "Invalid request"
    advice = "Wait five seconds longer between two questions from now on."
    oauth = "slow_down"
