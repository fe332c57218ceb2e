"""When a key was last used: kept in memory, written now and then, never once a request."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from vestibule import logs
from vestibule.apikeys import repository
from vestibule.apikeys.models import ApiKey
from vestibule.clock import Clock, utc
from vestibule.storage.database import Database

MAX_NOTED = 5_000
"""Keys that are remembered between two writes; at so many they are written early."""


class LastUsed:
    """The moments of use that are not written yet.

    What a crash loses is at most `interval` seconds of them, and nobody was promised more.
    """

    def __init__(self, *, database: Database, clock: Clock, interval: float) -> None:
        self._database = database
        self._clock = clock
        self._interval = interval
        self._noted: dict[UUID, datetime] = {}
        self._written_at = -math.inf
        self._writing: asyncio.Task[None] | None = None
        self._log = logs.get("apikeys")

    def note(self, key_id: UUID) -> None:
        """Remember that a key was used now. Starts one write for all where the last is long ago."""
        full = len(self._noted) >= MAX_NOTED
        if not full or key_id in self._noted:
            self._noted[key_id] = utc(self._clock)
        due = self._clock.monotonic() - self._written_at >= self._interval
        if (due or full) and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    def shown(self, key: ApiKey) -> ApiKey:
        """The key as it would be if everything noted were written."""
        noted = self._noted.get(key.id)
        if noted is None or (key.last_used_at is not None and key.last_used_at > noted):
            return key
        return replace(key, last_used_at=noted)

    async def flush(self) -> None:
        """Write what is noted. What the database refuses waits for the next time."""
        if self._writing is not None:
            await self._writing
        await self._write()

    async def _write(self) -> None:
        self._written_at = self._clock.monotonic()
        batch = dict(self._noted)
        if not batch:
            return
        try:
            await self._database.write(lambda c: repository.note_uses(c, batch))
        except Exception as error:
            self._log.error("last uses not written", count=len(batch), error=str(error))
            return
        for key_id, moment in batch.items():
            # Whoever used it meanwhile stays noted.
            if self._noted.get(key_id) == moment:
                del self._noted[key_id]
