"""What may be used once only: client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1)."""

from __future__ import annotations

import asyncio
import hashlib
import math
from datetime import UTC, datetime

from redis.asyncio import RedisCluster
from sqlalchemy.exc import IntegrityError

from vestibule.clock import Clock
from vestibule.errors import DatabaseUnavailable
from vestibule.state.flights import Away
from vestibule.state.scripts import Script
from vestibule.state.service import PREFIX, Arrival, Client, SharedState
from vestibule.storage.database import Database
from vestibule.tokens import repository

LONGEST = 4000.0
"""Seconds: more than anything is remembered for; an assertion is for an hour and its leeway."""
BEHIND = 60.0
"""Seconds that it is remembered for after it has expired: an instance's clock may be behind."""

REMEMBER = Script.load(__package__, "run.lua", "remember.lua")
BEGIN = Script.load(__package__, "run.lua", "begin.lua")


NODES = 8
"""Parts that the keys are spread over, each of which may stand on another node of a Cluster."""


class Replays:
    """Remembers in Redis or in the database, so that no instance takes what another has taken.

    Redis keeps since when it remembers everything. That begins anew with each run of its server,
    and where an instance finds it again after it was away: what it had at last may be lost with
    a restart or a failover. What was made before that, and may have been used, is refused: who has
    the key makes a new one. So it is in `degraded` for what was made before Redis went away.
    `iat` is a whole number mostly, so what was made in the same second counts as made before.

    It is remembered by the clock of Redis as well: what an instance takes whose clock is ahead has
    not expired for the others.

    For `LONGEST` after either the database is asked as well: what was used while Redis was away it
    knows, and the rest has expired by itself once Redis is asked alone. It is also told of what
    says that it was made in time to come, by the clock of its client: nothing that Redis begins
    with could refuse that. What does not say when it was made is the database's alone.
    """

    def __init__(self, *, database: Database, shared: SharedState, clock: Clock) -> None:
        self._database = database
        self._shared = shared
        self._clock = clock
        self._away_at = float("-inf")
        shared.on_arrival(_begin)

    async def first_use(
        self, *parts: str, expires_at: float, issued_at: float | None = None
    ) -> bool:
        """Whether these parts never came before.

        They are remembered until `expires_at`, in seconds since the epoch, when what they stand
        for has expired by itself. `issued_at` is when it was made, where it says so; of what is
        older than our memory the answer is no. Raises `DatabaseUnavailable`.
        """
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
        if self._shared.configured and issued_at is not None:
            try:
                first, remembers = await self._ask_shared(digest, expires_at)
            except Away as error:
                if self._shared.status().available:
                    # It was not asked, and is by others: only it knows what they have used.
                    raise DatabaseUnavailable(cause="shared_state") from error
                self._away_at = self._clock.monotonic()
                since = self._shared.status().since
            else:
                away_for = self._clock.monotonic() - self._away_at
                now = self._clock.time()
                if first and min(remembers, away_for) >= LONGEST and issued_at <= now:
                    return True
                since = now - remembers
                if not first:
                    return False
            if issued_at <= since:
                return False
        return await self._ask_database(digest, expires_at)

    async def _ask_shared(self, digest: bytes, expires_at: float) -> tuple[bool, float]:
        """Whether it is the first use, and for how many seconds nothing was forgotten."""
        node = digest[0] % NODES
        until = expires_at + BEHIND
        times = (until, until - self._clock.time(), LONGEST)
        first, remembers = await self._shared.run(
            REMEMBER,
            keys=(_key(node, digest.hex()), _key(node, "begun")),
            arguments=tuple(max(1, math.ceil(1000 * seconds)) for seconds in times),
        )
        return bool(first), remembers / 1000

    async def _ask_database(self, digest: bytes, expires_at: float) -> bool:
        until = datetime.fromtimestamp(expires_at, UTC)
        try:
            # No error for what is there: it would undo what others write in the same commit.
            return await self._database.write_one(
                lambda c: repository.add_replay(c, digest=digest, expires_at=until)
            )
        except IntegrityError:
            return False


def _key(node: int, name: str) -> str:
    return f"{PREFIX}{{replays:{node:x}}}:{name}"


async def _begin(client: Client, arrival: Arrival) -> None:
    """From now on Redis remembers everything, and `again` whatever it still knows of before."""
    keys = [_key(node, "begun") for node in range(NODES)]
    if isinstance(client, RedisCluster):
        await asyncio.gather(*(client.eval(BEGIN.text, 1, key, arrival) for key in keys))
    else:
        await client.eval(BEGIN.text, len(keys), *keys, arrival)
