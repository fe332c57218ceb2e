"""A circuit breaker: what fails again and again is left alone for a while."""

from __future__ import annotations

from enum import StrEnum

from vestibule.clock import Clock
from vestibule.errors import ApiError


class State(StrEnum):
    """How it stands."""

    CLOSED = "closed"
    """Questions go through."""
    HALF_OPEN = "half_open"
    """One question goes through, to see."""
    OPEN = "open"
    """None does."""


class Breaker:
    """Of one directory. It opens after so many failures in a row, for so many seconds.

    Then one question goes through, while all others are still refused: its answer closes the
    breaker, its failure opens it again.
    """

    def __init__(self, *, failures: int, seconds: float, clock: Clock) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._trying = False
        self._last: type[ApiError] | None = None

    @property
    def state(self) -> State:
        """How it stands now."""
        if self._opened_at is None:
            return State.CLOSED
        if self._trying or self._clock.monotonic() - self._opened_at >= self._seconds:
            return State.HALF_OPEN
        return State.OPEN

    @property
    def failures(self) -> int:
        """How many questions in a row have failed."""
        return self._failures

    def enter(self) -> None:
        """A question is about to be asked.

        Raises the kind of error that opened the breaker, at once, where it must not be.
        """
        if self._opened_at is None:
            return
        remaining = self._opened_at + self._seconds - self._clock.monotonic()
        if remaining > 0 or self._trying:
            assert self._last is not None
            raise self._last(
                cause="directory_open", headers={"Retry-After": str(max(1, round(remaining)))}
            )
        self._trying = True

    def answered(self) -> None:
        """It was answered, whatever the answer."""
        self._failures = 0
        self._opened_at = None
        self._trying = False

    def failed(self, error: ApiError) -> None:
        """It was not."""
        self._failures += 1
        self._last = type(error)
        if self._trying or self._failures >= self._limit:
            self._opened_at = self._clock.monotonic()
        self._trying = False

    def abandoned(self) -> None:
        """Whoever asked has gone before the answer."""
        self._trying = False
