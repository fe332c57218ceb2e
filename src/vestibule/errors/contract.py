"""The rows of the login contract, one class each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vestibule.errors.base import ApiError, ErrorType, ValidationErrorItem


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
    oauth = "invalid_client"

    def __init__(
        self,
        detail: str | None = None,
        *,
        cause: str | None = None,
        challenge: str = 'Bearer realm="vestibule"',
        oauth: str | None = None,
    ) -> None:
        # RFC 9110 §11.6.1 demands a challenge. Never `Basic`: browsers answer it with a dialog.
        super().__init__(detail, cause=cause, headers={"WWW-Authenticate": challenge}, oauth=oauth)


class AccessForbidden(ApiError):
    """It is known who is asking, and that is not allowed. Told to the right password only."""

    status = 403
    type = ErrorType.FORBIDDEN
    description = "Access forbidden"
    oauth = "access_denied"
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


class Conflict(ApiError):
    """What was asked for stands against how things are now: a last owner, a default workspace."""

    status = 409
    type = ErrorType.CONFLICT
    description = "Conflict"
    advice = "Change first what `detail` says stands in the way."


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
    oauth = "temporarily_unavailable"
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
        self.policy = policy
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
    oauth = "server_error"
    description = "Internal server error"
    advice = "Try again later, and report it with the `X-Request-ID` of the answer."


class DatabaseUnavailable(ApiError):
    """The database is out of reach. Nothing was changed; try again after `Retry-After`."""

    status = 500
    type = ErrorType.DATABASE
    oauth = "temporarily_unavailable"
    description = "Internal server error"
    advice = "Try again after `Retry-After` seconds: nothing was changed."

    def __init__(self, *, retry_after: int = 5, cause: str = "database") -> None:
        """`cause` is `shared_state` where it is Redis that is out of reach."""
        super().__init__(cause=cause, headers={"Retry-After": str(retry_after)})


class NotReady(ApiError):
    """The instance should not be sent requests now: `errors` names what it lacks."""

    status = 503
    type = ErrorType.NOT_READY
    oauth = "temporarily_unavailable"
    description = "Not ready"
    advice = "Send requests to another instance until this one says 200 again."

    def __init__(self, failing: Sequence[str] = ("database",)) -> None:
        """`failing` are the names of checks, which are ours and no secrets."""
        items = [
            ValidationErrorItem(loc=["ready", name], msg="This check fails", type="not_ready")
            for name in failing
        ]
        super().__init__("This instance is not ready", cause="not_ready", errors=items)


class BadGateway(ApiError):
    """The upstream directory refused, dropped or garbled the exchange."""

    status = 502
    type = ErrorType.BAD_GATEWAY
    oauth = "temporarily_unavailable"
    description = "Bad gateway"
    advice = "Try again later; the directory behind the service is at fault."


class GatewayTimeout(ApiError):
    """The upstream directory did not answer in time."""

    status = 504
    type = ErrorType.GATEWAY_TIMEOUT
    oauth = "temporarily_unavailable"
    description = "Gateway timeout"
    advice = "Try again later; the directory behind the service is slow."
