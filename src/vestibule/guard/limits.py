"""How many logins an address, an account and a client get in a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from vestibule.clock import Clock
from vestibule.errors import RateLimited

Policy = Literal["address", "account", "client", "failures", "devices", "user_codes"]


class Limiter:
    """The limits by name. Each is written as the `limits` library reads it: "120/minute"."""

    def __init__(self, *, storage: Storage, clock: Clock, rates: Mapping[Policy, str]) -> None:
        """`rates` maps policies to rates. Raises `ValueError` that names the option."""
        self._strategy = FixedWindowRateLimiter(storage)
        self._clock = clock
        self._items = {policy: _rate(policy, rate) for policy, rate in rates.items()}

    async def hit(self, policy: Policy, key: str) -> None:
        """Count one. Raises `RateLimited` past the quota, until the window ends.

        What is refused is counted too, but a window's end is set by its first hit alone.
        """
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
        item = self._items[policy]
        stats = await self._strategy.get_window_stats(item, policy, key)
        return RateLimited(
            cause=f"{policy}_limit",
            # To the millisecond: seconds since the epoch carry an error in their last digits,
            # which would round up to a whole second more.
            retry_after=round(stats.reset_time - self._clock.time(), 3),
            policy=policy,
            quota=item.amount,
            window=item.get_expiry(),
        )


def _rate(policy: Policy, text: str) -> RateLimitItem:
    try:
        items = parse_many(text)
    except ValueError:
        items = []
    # Of two, `limits.parse` silently keeps one; of nought, nobody could ever sign in.
    if len(items) != 1 or items[0].amount < 1:
        raise ValueError(f"limit_{policy} must be one rate of the form 120/minute, not {text!r}")
    return items[0]
