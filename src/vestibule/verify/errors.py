"""Why a request is not let in: one class a cause, with what the client is told of it."""

from __future__ import annotations

from typing import Any, ClassVar

DPOP_ALGORITHMS = "ES256 RS256 PS256 Ed25519 EdDSA"
"""What a DPoP challenge says of proofs (RFC 9449 §7.1)."""


class VerifyError(Exception):
    """The base of all errors of this package. Its text never holds what the client sent."""

    status: ClassVar[int] = 401
    type: ClassVar[str] = "authentication_error"
    """The stable `type` of the canonical error envelope."""
    error: ClassVar[str | None] = None
    """The error code of RFC 6750 §3.1."""
    description: ClassVar[str] = "Authentication failed"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.description
        super().__init__(self.detail)

    def payload(self) -> dict[str, Any]:
        """The canonical error envelope."""
        return {"code": self.status, "detail": self.detail, "type": self.type}

    def challenge(self, *, scheme: str = "Bearer") -> str | None:
        """The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1); None where none is due.

        `scheme` is the one that the client used: `Bearer` or `DPoP`.
        """
        parameters = {"realm": "vestibule", **self._parameters()}
        if scheme == "DPoP":
            parameters["algs"] = DPOP_ALGORITHMS
        return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())

    def headers(self, *, scheme: str = "Bearer") -> dict[str, str]:
        """The header fields of the answer."""
        challenge = self.challenge(scheme=scheme)
        fields = {"Cache-Control": "no-store"}
        return fields if challenge is None else {**fields, "WWW-Authenticate": challenge}

    def _parameters(self) -> dict[str, str]:
        if self.error is None:
            return {}
        return {"error": self.error, "error_description": self.detail}


class MissingToken(VerifyError):
    """No credential was sent: the challenge names no error (RFC 6750 §3.1)."""

    description = "An access token is needed"


class InvalidRequest(VerifyError):
    """A credential was sent twice, or in two ways (RFC 6750 §3.1)."""

    status = 400
    type = "invalid_error"
    error = "invalid_request"
    description = "The request must carry one credential"


class InvalidToken(VerifyError):
    """The token is malformed, forged, revoked, or meant for somebody else."""

    error = "invalid_token"
    description = "Invalid access token"


class ExpiredToken(InvalidToken):
    """The token was good, and its time is over: a client refreshes it."""

    description = "The access token has expired"


class InvalidProof(VerifyError):
    """The DPoP proof does not fit this request, this token, or was used before (RFC 9449 §7.1)."""

    type = "invalid_dpop_proof_error"
    error = "invalid_dpop_proof"
    description = "Invalid DPoP proof"

    def challenge(self, *, scheme: str = "DPoP") -> str | None:
        """As of every error, and always of the scheme that proofs belong to."""
        return super().challenge(scheme="DPoP")


class InsufficientScope(VerifyError):
    """The token is good, but not for this: it lacks a scope (RFC 6750 §3.1)."""

    status = 403
    type = "insufficient_scope_error"
    error = "insufficient_scope"

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes
        super().__init__(f"This needs the scope {' '.join(scopes)}")

    def _parameters(self) -> dict[str, str]:
        return {**super()._parameters(), "scope": " ".join(self.scopes)}


class Unavailable(VerifyError):
    """The issuer can't be asked, so nothing can be said of the token. Try again later."""

    status = 503
    type = "unavailable_error"
    description = "Tokens can't be verified at present"
    retry_after = 5

    def challenge(self, *, scheme: str = "Bearer") -> str | None:
        """None: the token may well be good."""
        return None

    def headers(self, *, scheme: str = "Bearer") -> dict[str, str]:
        """The header fields of the answer, with when to try again."""
        return {**super().headers(scheme=scheme), "Retry-After": str(self.retry_after)}


class KeysUnavailable(Unavailable):
    """The issuer's keys can't be fetched, and those that were held are too old."""


class IntrospectionUnavailable(Unavailable):
    """The issuer does not say whether the token still stands, and it has to be known."""
