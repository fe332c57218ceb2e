"""What all exceptions of the SDK share, and those that no answer of the service stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class WrongField:
    """One thing that is wrong with what was sent."""

    loc: tuple[str | int, ...]
    """Where."""
    msg: str
    """What, for people."""
    type: str
    """What, for programs."""


class VestibuleError(Exception):
    """The base of all that the SDK raises about the service; `str()` is the `detail`."""

    default_code: ClassVar[int] = 0
    default_type: ClassVar[str] = "unknown_error"

    def __init__(
        self,
        detail: str,
        *,
        code: int | None = None,
        type: str | None = None,
        errors: Sequence[WrongField] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        """A sentence for people."""
        self.code = self.default_code if code is None else code
        """The HTTP status; 0 where there was no answer."""
        self.type = self.default_type if type is None else type
        """The stable name for programs, as the service sent it."""
        self.errors = tuple(errors)
        """What is wrong where, with a `validation_error`."""
        self.request_id = request_id
        """Ties the answer to the service's log."""
        self.retry_after = retry_after
        """Seconds after which another try makes sense."""


class ServiceUnavailable(VestibuleError):
    """The service could not be reached, answered 503, or was not the service at all."""

    default_code = 503
    default_type = "service_unavailable_error"


class SignInNeeded(VestibuleError):
    """There is no sign-in here, or it has ended: somebody must sign in again."""

    default_code = 401
    default_type = "sign_in_needed_error"


class InsecureAddress(ValueError):
    """The address would send secrets over plain HTTP, or is none."""


class StoreFailed(Exception):
    """The token store can't be read or written; says why without its content."""
