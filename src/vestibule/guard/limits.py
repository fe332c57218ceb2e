"""How many logins an address, an account and a client get in a time."""

from __future__ import annotations

from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from vestibule.clock import Clock
from vestibule.errors import RateLimited


class Limiter:
    """The limits by name. Each is written as the `limits` library reads it: "120/minute"."""

    def __init__(self, *, storage: Storage, clock: Clock, rates: dict[str, str]) -> None:
        """`rates` maps a policy's name to its rate, which the settings have validated."""
        self._strategy = FixedWindowRateLimiter(storage)
        self._clock = clock
        self._items = {policy: parse(rate) for policy, rate in rates.items()}

    async def hit(self, policy: str, key: str) -> None:
        """Count one. Raises `RateLimited` past the quota, until the window ends."""
        item = self._items[policy]
        if await self._strategy.hit(item, policy, key):
            return
        stats = await self._strategy.get_window_stats(item, policy, key)
        raise RateLimited(
            cause=f"{policy}_limit",
            retry_after=stats.reset_time - self._clock.time(),
            policy=policy,
            quota=item.amount,
            window=item.get_expiry(),
        )
