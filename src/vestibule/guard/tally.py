"""What is counted, and the one interface to who counts it: this process, or Redis for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from limits import parse_many

from vestibule.errors import RateLimited

Policy = Literal["address", "account", "client", "failures", "devices", "user_codes", "mails"]

IsKnown = Callable[[], Awaitable[bool]]
"""Asks whether an account has signed in from a network before."""


class Outcome(StrEnum):
    """How a try ended."""

    SUCCEEDED = "succeeded"
    """The password was right: the network's failures are forgotten."""
    FAILED = "failed"
    """The password was wrong: the try stays counted, from when it began."""
    ABANDONED = "abandoned"
    """The password was never checked: the try did not happen."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One that counts towards a limit."""

    policy: Policy
    of: str
    """Whose limit it is: a network's, a client's, an account's."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many in how many seconds; the window begins with the first."""

    amount: int
    window: int

    def exceeded(self, policy: Policy, *, retry_after: float) -> RateLimited:
        """The refusal of what is past it; `retry_after` in seconds."""
        return RateLimited(
            cause=f"{policy}_limit",
            # To the millisecond: seconds since the epoch carry an error in their last digits,
            # which would round up to a whole second more.
            retry_after=round(retry_after, 3),
            policy=policy,
            quota=self.amount,
            window=self.window,
        )


class Begun(Protocol):
    """A try at an account that was let in and counted."""

    async def end(self, outcome: Outcome) -> None:
        """Say how it ended, once. Never raises: what was counted to stand, stands."""
        ...


class Tally(Protocol):
    """Who counts.

    Every method that awaits raises `RateLimited` for what is past its limit, and
    `DatabaseUnavailable` where it can't be counted and may not go uncounted.
    """

    async def require_open(self, hit: Hit) -> None:
        """Raise `RateLimited` where this process knows that the next one would be past the limit.

        Asks nobody and counts nothing.
        """
        ...

    async def count(self, *hits: Hit) -> None:
        """Count one after the other; what follows a refused one is not counted.

        What is refused is counted too, but a window's end is set by its first hit alone.
        """
        ...

    async def take_back(self, *hits: Hit) -> None:
        """Uncount one each, where the window has not ended since."""
        ...

    async def begin(
        self, *, account: str, network: str, is_known: IsKnown, also: tuple[Hit, ...] = ()
    ) -> Begun:
        """Count a try at an account from its start, so that not a hundred pass at one instant.

        `also` comes first. The delays come before the account's limit: a try that they refuse
        uses up nothing. `is_known` is asked at most once, and only where strangers have used up
        what all unknown networks share: a known network has a limit of its own, and is exempt
        from the delay of all strangers.
        """
        ...


def parse_rate(policy: Policy, text: str) -> Rate:
    """The rate that "120/minute" means. Raises `ValueError` that names the option."""
    try:
        items = parse_many(text)
    except ValueError:
        items = []
    # Of two, `limits.parse` silently keeps one; of nought, nobody could ever sign in.
    if len(items) != 1 or items[0].amount < 1:
        raise ValueError(f"limit_{policy} must be one rate of the form 120/minute, not {text!r}")
    return Rate(items[0].amount, items[0].get_expiry())
