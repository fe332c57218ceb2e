"""Once in a while: forget what has had its time, and rotate the signing key when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Table, delete, select

from vestibule import logs
from vestibule.apikeys.service import ApiKeys
from vestibule.audit.retention import Retention
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.devices.models import device_logins
from vestibule.identity.registry import Registry
from vestibule.identity.sync import Synchronization
from vestibule.members.models import invitations
from vestibule.oauth.models import authorization_codes
from vestibule.recovery.models import mail_links
from vestibule.scim.models import scim_tokens
from vestibule.sessions.models import sessions
from vestibule.storage.database import Database
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.models import replays, revoked_tokens
from vestibule.users.import_jobs import user_imports

EVERY = 300.0
"""Seconds between two rounds."""
KEEP = timedelta(days=1)
"""How long after its end a session or code can still be told from one that never was."""
KEEP_SHOWN = timedelta(days=30)
"""The same of what is still shown to whoever looks after it."""
BATCH = 500
"""Rows in one write: nobody waits long behind it."""
MAX_JUMP = 3600.0
"""Seconds that the time of day may gain on the time that passed, before it is not believed."""
APART = timedelta(seconds=MAX_JUMP)
"""How far our clock may be ahead of others': what they still take as good must not be forgotten."""

FORGOTTEN: tuple[tuple[Table, str, timedelta], ...] = (
    (sessions, "expires_at", KEEP),
    # Ended earlier, its access tokens have ended as well by then.
    (sessions, "ended_at", KEEP),
    (authorization_codes, "expires_at", KEEP),
    (device_logins, "expires_at", KEEP),
    (revoked_tokens, "expires_at", APART),
    (replays, "expires_at", APART),
    (mail_links, "expires_at", timedelta()),
    # Nobody is shown one that has ended, and it holds the address of a stranger.
    (invitations, "expires_at", KEEP),
    (invitations, "accepted_at", KEEP),
    (invitations, "revoked_at", KEEP),
    (scim_tokens, "expires_at", KEEP_SHOWN),
    (scim_tokens, "revoked_at", KEEP_SHOWN),
    # Not `ended_at`: nobody writes that where the instance that ran it is gone.
    (user_imports, "seen_at", KEEP_SHOWN),
)
"""A table, the column that says when a row has had its time, and how long it stays after that.

Each of these columns has an index: a round must not look through what is alive.
"""

Step = Callable[[], Awaitable[int]]


class Housekeeping:
    """The rounds."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        keys: KeyRing,
        api_keys: ApiKeys,
        audit: Audit,
        registry: Registry,
        synchronization: Synchronization,
        rotate_keys_after: int,
        audit_retention: int,
    ) -> None:
        """`rotate_keys_after` in seconds, `audit_retention` in days; 0 for never."""
        self._database = database
        self._clock = clock
        self._keys = keys
        self._api_keys = api_keys
        self._audit = audit
        self._registry = registry
        self._synchronization = synchronization
        self._retention = Retention(database=database)
        self._rotate_keys_after = rotate_keys_after
        self._audit_retention = timedelta(days=audit_retention)
        self._looked_at = (clock.time(), clock.monotonic())
        self._log = logs.get("housekeeping")

    async def run(self) -> None:
        """Rounds without end; one that fails is said in the log and does not stop the next."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """One round."""
        steps: dict[str, Step] = {
            "api_keys_used": self._write_uses,
            "audit": self._write_audit,
            "directories_sealed": self._registry.reseal,
        }
        if self._clock_is_steady():
            steps |= {"rotate_keys": self._rotate_keys, **self._forgetting(utc(self._clock))}
            steps["directories"] = self._synchronization.run_due
        for name, step in steps.items():
            try:
                done = await step()
            except Exception as error:
                self._log.error("housekeeping failed", step=name, error=type(error).__name__)
            else:
                if done:
                    self._log.info("housekeeping", step=name, count=done)

    def _clock_is_steady(self) -> bool:
        """Whether the time of day has moved since the last round as far as time has passed.

        What was deleted too early is gone: a clock that jumped is believed from the next round on.
        """
        wall, monotonic = self._clock.time(), self._clock.monotonic()
        jump = (wall - self._looked_at[0]) - (monotonic - self._looked_at[1])
        self._looked_at = (wall, monotonic)
        if abs(jump) <= MAX_JUMP:
            return True
        self._log.error("the clock jumped: nothing is forgotten in this round", seconds=round(jump))
        return False

    async def _rotate_keys(self) -> int:
        if not self._rotate_keys_after:
            return 0
        return int(await self._keys.rotate_when_older_than(self._rotate_keys_after))

    async def _write_uses(self) -> int:
        # Uses write themselves along with later ones: the last before a silence needs this.
        await self._api_keys.flush()
        return 0

    async def _write_audit(self) -> int:
        # The same for what it counted and left out.
        await self._audit.flush()
        return 0

    def _forgetting(self, now: datetime) -> dict[str, Step]:
        """The steps that delete what had had its time at that moment."""
        one_batch: dict[str, Step] = {
            f"{table.name}.{column}": partial(self._delete_some, table, column, now - keep)
            for table, column, keep in FORGOTTEN
        }
        one_batch["audit_months"] = partial(self._retention.make_room, now=now)
        one_batch["api_keys"] = partial(self._api_keys.forget_ended, before=now - KEEP, limit=BATCH)
        if self._audit_retention:
            one_batch["audit_events"] = partial(
                self._retention.forget, before=now - self._audit_retention, limit=BATCH
            )
        return {name: partial(_until_done, step) for name, step in one_batch.items()}

    async def _delete_some(self, table: Table, column: str, before: datetime) -> int:
        key = next(iter(table.primary_key.columns))
        some = select(key).where(table.c[column] < before).limit(BATCH)

        def write(connection: Connection) -> int:
            return connection.execute(delete(table).where(key.in_(some))).rowcount

        return await self._database.write(write)


async def _until_done(step: Step) -> int:
    """Batch after batch, each a write of its own, however much there is; how many rows.

    It ends: what is deleted was old when the round began.
    """
    count = 0
    while done := await step():
        count += done
        await asyncio.sleep(0)  # others write in between
    return count
