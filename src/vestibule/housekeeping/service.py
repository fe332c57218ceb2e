"""Once in a while: forget what has had its time, and rotate the signing key when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, or_, select

from vestibule import logs
from vestibule.apikeys.service import ApiKeys
from vestibule.clock import Clock, utc
from vestibule.devices.models import device_logins
from vestibule.oauth.models import authorization_codes
from vestibule.sessions.models import sessions
from vestibule.storage.database import Database
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.models import replays, revoked_tokens

EVERY = 300.0
"""Seconds between two rounds."""
KEEP = timedelta(days=1)
"""How long after its end a session or code can still be told from one that never was."""
BATCH = 500
"""Rows in one write: nobody waits long behind it."""
MAX_BATCHES = 200


class Housekeeping:
    """The rounds."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        keys: KeyRing,
        api_keys: ApiKeys,
        rotate_keys_after: int,
    ) -> None:
        """`rotate_keys_after` in seconds; 0 for never."""
        self._database = database
        self._clock = clock
        self._keys = keys
        self._api_keys = api_keys
        self._rotate_keys_after = rotate_keys_after
        self._log = logs.get("housekeeping")

    async def run(self) -> None:
        """Rounds without end; one that fails is said in the log and does not stop the next."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """One round."""
        steps: dict[str, Callable[[], Awaitable[int]]] = {
            "rotate_keys": self._rotate_keys,
            "api_keys_used": self._write_uses,
            "api_keys": lambda: self._api_keys.forget_ended(before=utc(self._clock) - KEEP),
            **{table.name: self._forgetting(table) for table in _expired(utc(self._clock))},
        }
        for name, step in steps.items():
            try:
                done = await step()
            except Exception as error:
                self._log.error("housekeeping failed", step=name, error=type(error).__name__)
            else:
                if done:
                    self._log.info("housekeeping", step=name, count=done)

    async def _rotate_keys(self) -> int:
        if not self._rotate_keys_after:
            return 0
        return int(await self._keys.rotate_when_older_than(self._rotate_keys_after))

    async def _write_uses(self) -> int:
        # Uses write themselves along with later ones: the last before a silence needs this.
        await self._api_keys.flush()
        return 0

    def _forgetting(self, table: Table) -> Callable[[], Awaitable[int]]:
        async def forget() -> int:
            count = 0
            for _ in range(MAX_BATCHES):
                done = await self._database.write(
                    lambda c: _delete_some(c, table, utc(self._clock))
                )
                count += done
                if done < BATCH:
                    break
            return count

        return forget


def _expired(now: datetime) -> dict[Table, ColumnElement[bool]]:
    """Tables, and which of their rows have had their time."""
    return {
        sessions: or_(
            sessions.c.expires_at < now - KEEP,
            # Ended earlier, its access tokens have ended as well by now.
            sessions.c.ended_at < now - KEEP,
        ),
        authorization_codes: authorization_codes.c.expires_at < now - KEEP,
        device_logins: device_logins.c.expires_at < now - KEEP,
        revoked_tokens: revoked_tokens.c.expires_at < now,
        replays: replays.c.expires_at < now,
    }


def _delete_some(connection: Connection, table: Table, now: datetime) -> int:
    key = next(iter(table.primary_key.columns))
    some = select(key).where(_expired(now)[table]).limit(BATCH)
    return connection.execute(delete(table).where(key.in_(some))).rowcount
