"""Counting in this process."""

from __future__ import annotations

from vestibule.errors import RateLimited
from vestibule.guard.backoff import Backoff
from vestibule.guard.limits import Limiter
from vestibule.guard.tally import Begun, Hit, IsKnown, Outcome


class LocalTally:
    """Counts for this instance alone. Nothing here waits, so nobody comes in between."""

    def __init__(self, *, limiter: Limiter, backoff: Backoff | None) -> None:
        """`backoff` is None where delays are switched off."""
        self._limiter = limiter
        self._backoff = backoff

    async def require_open(self, hit: Hit) -> None:
        """Raise `RateLimited` where the next one would be past the limit."""
        await self._limiter.require_room(hit.policy, hit.of)

    async def count(self, *hits: Hit) -> None:
        """Count one after the other. Raises `RateLimited`."""
        for hit in hits:
            await self._limiter.hit(hit.policy, hit.of)

    async def take_back(self, *hits: Hit) -> None:
        """Uncount one each."""
        for hit in hits:
            await self._limiter.take_back(hit.policy, hit.of)

    async def begin(
        self, *, account: str, network: str, is_known: IsKnown, also: tuple[Hit, ...] = ()
    ) -> Begun:
        """Count a try at an account. Raises `RateLimited`."""
        await self.count(*also)
        known: bool | None = None
        while not await self._counted(account, network, known=known):
            known = await is_known()
        return _LocalTry(self._backoff, account, network, known=bool(known))

    async def _counted(self, account: str, network: str, *, known: bool | None) -> bool:
        """False where it hangs on `known`, which is None: then nothing was decided yet."""
        if self._backoff and not self._backoff.require_turn(
            account=account, network=network, known=known
        ):
            return False
        try:
            await self._limiter.hit("account", f"{account}|{network}" if known else account)
        except RateLimited:
            if known is None:
                return False
            raise
        if self._backoff:
            self._backoff.begin(account=account, network=network, known=bool(known))
        return True


class _LocalTry:
    def __init__(self, backoff: Backoff | None, account: str, network: str, *, known: bool) -> None:
        self._backoff = backoff
        self._account, self._network, self._known = account, network, known

    async def end(self, outcome: Outcome) -> None:
        if self._backoff is None:
            return
        end = {
            Outcome.SUCCEEDED: self._backoff.succeeded,
            Outcome.FAILED: self._backoff.failed,
            Outcome.ABANDONED: self._backoff.abandoned,
        }[outcome]
        end(account=self._account, network=self._network, known=self._known)
