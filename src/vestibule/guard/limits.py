"""Limits counted in this process."""

from __future__ import annotations

from collections.abc import Mapping

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from vestibule.clock import Clock
from vestibule.errors import RateLimited
from vestibule.guard.tally import Policy, Rate


class Limiter:
    """The limits by name."""

    def __init__(self, *, storage: Storage, clock: Clock, rates: Mapping[Policy, Rate]) -> None:
        self._strategy = FixedWindowRateLimiter(storage)
        self._clock = clock
        self._rates = rates
        self._items = {policy: _item(rate) for policy, rate in rates.items()}

    async def hit(self, policy: Policy, key: str) -> None:
        """Count one. Raises `RateLimited` past the quota, until the window ends."""
        item = self._items[policy]
        if not await self._strategy.hit(item, policy, key):
            raise await self._exceeded(policy, key)

    async def take_back(self, policy: Policy, key: str) -> None:
        """Uncount one, where its window has not ended since."""
        item = self._items[policy]
        if (await self._strategy.get_window_stats(item, policy, key)).remaining < item.amount:
            await self._strategy.hit(item, policy, key, cost=-1)

    async def require_room(self, policy: Policy, key: str) -> None:
        """Raise `RateLimited` where the next one would be past the quota; counts nothing."""
        if not await self._strategy.test(self._items[policy], policy, key):
            raise await self._exceeded(policy, key)

    async def _exceeded(self, policy: Policy, key: str) -> RateLimited:
        stats = await self._strategy.get_window_stats(self._items[policy], policy, key)
        return self._rates[policy].exceeded(
            policy, retry_after=stats.reset_time - self._clock.time()
        )


def _item(rate: Rate) -> RateLimitItem:
    return RateLimitItemPerSecond(rate.amount, rate.window)
