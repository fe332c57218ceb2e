"""Counters in this process for the `limits` library, bounded in number.

The library's own memory storage walks all keys at each count, or starts a thread for it, and
reads the system's clock; a login can afford neither, and tests hold the clock.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from limits.aio.storage import Storage

from vestibule.clock import Clock

CAPACITY = 100_000
SWEEP = 2
"""Expired counters dropped at each new one: more than come in, so that they never pile up."""


@dataclass(slots=True)
class _Counter:
    count: int
    ends_at: float
    """By the monotonic clock: a wall clock set back must not prolong a refusal."""


class BoundedMemoryStorage(Storage):
    """At most `capacity` counters; where there is no room, that which ends first is forgotten."""

    STORAGE_SCHEME = None

    def __init__(self, *, clock: Clock, capacity: int = CAPACITY) -> None:
        super().__init__()
        self._clock = clock
        self._capacity = capacity
        # By length in seconds, of which there are as many as limits: counters of one length end
        # in the order in which they began, so the first of each is all that is ever looked at.
        self._windows: dict[float, OrderedDict[str, _Counter]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a window of `expiry` seconds that begins with the first."""
        counter = self._live(key)
        if counter is None:
            self._make_room()
            counter = _Counter(count=0, ends_at=self._clock.monotonic() + expiry)
            self._windows.setdefault(expiry, OrderedDict())[key] = counter
        counter.count += amount
        return counter.count

    async def get(self, key: str) -> int:
        """The count in the present window."""
        counter = self._live(key)
        return counter.count if counter else 0

    async def get_expiry(self, key: str) -> float:
        """When the present window ends, in seconds since the epoch."""
        counter = self._live(key)
        remaining = counter.ends_at - self._clock.monotonic() if counter else 0.0
        return self._clock.time() + remaining

    async def check(self) -> bool:
        """It is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything; returns how many counters that were."""
        forgotten = self._size()
        self._windows.clear()
        return forgotten

    async def clear(self, key: str) -> None:
        """Forget one."""
        for window in self._windows.values():
            window.pop(key, None)

    def _live(self, key: str) -> _Counter | None:
        for window in self._windows.values():
            counter = window.get(key)
            if counter is None:
                continue
            if counter.ends_at > self._clock.monotonic():
                return counter
            del window[key]
        return None

    def _make_room(self) -> None:
        now = self._clock.monotonic()
        for window in self._windows.values():
            for _ in range(min(SWEEP, len(window))):
                if _first_end(window) <= now:
                    window.popitem(last=False)
        if self._size() >= self._capacity:
            min(filter(None, self._windows.values()), key=_first_end).popitem(last=False)

    def _size(self) -> int:
        return sum(map(len, self._windows.values()))


def _first_end(window: OrderedDict[str, _Counter]) -> float:
    return next(iter(window.values())).ends_at
