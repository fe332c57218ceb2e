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
    expires_at: float


class BoundedMemoryStorage(Storage):
    """At most `capacity` counters; where there is no room the oldest is forgotten."""

    STORAGE_SCHEME = None

    def __init__(self, *, clock: Clock, capacity: int = CAPACITY) -> None:
        super().__init__()
        self._clock = clock
        self._capacity = capacity
        self._counters: OrderedDict[str, _Counter] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a window of `expiry` seconds that begins with the first."""
        counter = self._live(key)
        if counter is None:
            self._make_room()
            counter = _Counter(count=0, expires_at=self._clock.time() + expiry)
            self._counters[key] = counter
        counter.count += amount
        return counter.count

    async def get(self, key: str) -> int:
        """The count in the present window."""
        counter = self._live(key)
        return counter.count if counter else 0

    async def get_expiry(self, key: str) -> float:
        """When the present window ends, in seconds since the epoch."""
        counter = self._live(key)
        return counter.expires_at if counter else self._clock.time()

    async def check(self) -> bool:
        """It is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything."""
        forgotten = len(self._counters)
        self._counters.clear()
        return forgotten

    async def clear(self, key: str) -> None:
        """Forget one."""
        self._counters.pop(key, None)

    def _live(self, key: str) -> _Counter | None:
        counter = self._counters.get(key)
        if counter is not None and counter.expires_at <= self._clock.time():
            del self._counters[key]
            return None
        return counter

    def _make_room(self) -> None:
        now = self._clock.time()
        for _ in range(SWEEP):
            oldest = next(iter(self._counters), None)
            if oldest is None or self._counters[oldest].expires_at > now:
                break
            del self._counters[oldest]
        if len(self._counters) >= self._capacity:
            self._counters.popitem(last=False)
