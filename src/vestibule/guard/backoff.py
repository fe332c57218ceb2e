"""Growing delays after failed tries, that never let a stranger lock the owner out for good.

Tries are counted where they come from: one account from one network. All networks that an
account never signed in from are also counted together, which slows a crowd of strangers; that
delay ends low, and a network that the account did sign in from is exempt from it. So the
owner at home is slowed by nobody, and the owner on a journey waits half a minute at most for
a turn, in which a stranger may be quicker: to end that, their addresses must be stopped.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from vestibule.clock import Clock
from vestibule.errors import RateLimited

Ladder = tuple[tuple[int, int], ...]

NETWORK_LADDER: Ladder = ((5, 1), (7, 5), (10, 30), (15, 300), (25, 900))
"""(failures, seconds to wait) for one account from one network."""

ACCOUNT_LADDER: Ladder = ((10, 1), (20, 5), (50, 15), (100, 30))
"""The same for one account from all unknown networks together."""

FORGET_AFTER = 3600
"""Seconds after the last failure."""

CAPACITY = 100_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    """Failed tries and those under way, of which it isn't known yet."""
    under_way: int = 0
    last: float = 0.0
    """When the last of them began."""
    last_failed: float = 0.0
    """The same without those under way: a try that is taken back must leave no delay behind."""


class Backoff:
    """Failures by account in this process, and what they cost in time."""

    def __init__(self, *, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def require_turn(self, *, account: str, network: str, known: bool | None) -> bool:
        """Raise `RateLimited` while a delay lasts; a refused try is not counted.

        False where `known` is None and the answer hangs on it: so it is asked only then.
        """
        remaining = self._remaining(account, network, NETWORK_LADDER)
        if remaining > 0:
            raise delayed("network_delay", retry_after=remaining)
        remaining = 0 if known else self._remaining(account, "", ACCOUNT_LADDER)
        if remaining > 0 and known is not None:
            raise delayed("account_delay", retry_after=remaining)
        return remaining <= 0

    def begin(self, *, account: str, network: str, known: bool) -> None:
        """Count a try from its start.

        It ends as one of `succeeded`, `failed` and `abandoned`, with the same arguments.
        """
        for key in _counted_in(account, network, known=known):
            self._count(*key)

    def succeeded(self, *, account: str, network: str, known: bool) -> None:
        """The password was right: forget this network's failures."""
        self._failures.pop((account, network), None)
        if not known:
            self._take_back(account, "")

    def failed(self, *, account: str, network: str, known: bool) -> None:
        """The password was wrong: the try stays counted, from when it began."""
        for key in _counted_in(account, network, known=known):
            failures = self._failures.get(key)
            if failures is not None:
                failures.under_way = max(0, failures.under_way - 1)
                failures.last_failed = failures.last

    def abandoned(self, *, account: str, network: str, known: bool) -> None:
        """The password was never checked: the try did not happen."""
        for key in _counted_in(account, network, known=known):
            self._take_back(*key)

    def _remaining(self, account: str, network: str, ladder: Ladder) -> float:
        failures = self._find(account, network)
        if failures is None:
            return 0.0
        delay = 0
        for count, seconds in ladder:
            if failures.count >= count:
                delay = seconds
        return failures.last + delay - self._clock.monotonic()

    def _find(self, account: str, network: str) -> _Failures | None:
        failures = self._failures.get((account, network))
        if failures is not None and self._clock.monotonic() - failures.last >= FORGET_AFTER:
            del self._failures[account, network]
            return None
        return failures

    def _count(self, account: str, network: str) -> None:
        failures = self._find(account, network)
        if failures is None:
            if len(self._failures) >= self._capacity:
                self._failures.popitem(last=False)
            failures = self._failures[account, network] = _Failures()
        failures.count += 1
        failures.under_way += 1
        failures.last = self._clock.monotonic()
        self._failures.move_to_end((account, network))

    def _take_back(self, account: str, network: str) -> None:
        failures = self._failures.get((account, network))
        if failures is None:
            return
        failures.count -= 1
        failures.under_way = max(0, failures.under_way - 1)
        if failures.count <= 0:
            del self._failures[account, network]
        elif not failures.under_way:
            failures.last = failures.last_failed


def delayed(cause: Literal["network_delay", "account_delay"], *, retry_after: float) -> RateLimited:
    """The refusal of a try that came too early; `retry_after` in seconds."""
    ladder = NETWORK_LADDER if cause == "network_delay" else ACCOUNT_LADDER
    return RateLimited(
        cause=cause,
        retry_after=retry_after,
        policy="failures",
        quota=ladder[0][0],
        window=FORGET_AFTER,
    )


def _counted_in(account: str, network: str, *, known: bool) -> tuple[tuple[str, str], ...]:
    """The keys of a try: the network's own, and for a stranger that of all strangers, ""."""
    return ((account, network),) if known else ((account, network), (account, ""))
