"""What may be used once only: client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1)."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from vestibule.clock import Clock
from vestibule.state.flights import Away
from vestibule.state.scripts import Script
from vestibule.state.service import PREFIX, SharedState
from vestibule.storage.database import Database
from vestibule.tokens import repository

LONGEST = 4000.0
"""Seconds: more than anything is remembered for; an assertion is for an hour and its leeway."""

REMEMBER = Script.load(__package__, "remember.lua")


class Replays:
    """Remembers in Redis or in the database, so that no instance takes what another has taken.

    Redis may forget all at once, where it starts anew with nothing, and what was used while it
    was away is known to the database alone. So for `LONGEST` after either both are asked, and
    what only Redis has forgotten has expired by itself once it is asked alone.
    """

    def __init__(self, *, database: Database, shared: SharedState, clock: Clock) -> None:
        self._database = database
        self._shared = shared
        self._clock = clock
        self._away_at = float("-inf")

    async def first_use(self, *parts: str, expires_at: float) -> bool:
        """Whether these parts never came before.

        They are remembered until `expires_at`, in seconds since the epoch, when what they stand
        for has expired by itself. Raises `DatabaseUnavailable`.
        """
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
        if self._shared.configured:
            try:
                first, remembers = await self._ask_shared(digest, expires_at)
            except Away:
                self._away_at = self._clock.monotonic()
            else:
                if not first:
                    return False
                away_for = self._clock.monotonic() - self._away_at
                if remembers >= LONGEST and away_for >= LONGEST:
                    return True
        return await self._ask_database(digest, expires_at)

    async def _ask_shared(self, digest: bytes, expires_at: float) -> tuple[bool, float]:
        """Whether it is the first use, and for how many seconds nothing was forgotten."""
        # The tag spreads them over the nodes of a Cluster.
        node = f"{PREFIX}{{replays:{digest[:1].hex()}}}"
        seconds = expires_at - self._clock.time()
        first, remembers = await self._shared.run(
            REMEMBER,
            keys=(f"{node}:{digest.hex()}", f"{node}:since"),
            arguments=(max(1, math.ceil(seconds * 1000)),),
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
