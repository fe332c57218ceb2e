"""PostgreSQL, and what speaks its protocol: the database of any number of instances.

A unit runs whole in one greenlet over asyncpg. A read is one statement, which needs no
transaction. A write is `SERIALIZABLE`, because units rely on what they have read; where two can't
both have been alone, the database refuses one, and it runs again. The rest is for the day on
which the server restarts or another one takes over: what has certainly not been committed is
tried again until its time is up, and what may have been is never.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from vestibule import logs
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.connecting import EngineMaker
from vestibule.storage.database import Isolation, K, T, V, Work, translated
from vestibule.storage.gathering import Gathering
from vestibule.storage.lookup import Lookup
from vestibule.storage.nul import without_nul
from vestibule.storage.together import Together, Values

SCAN_TIMEOUT = 60.0
"""Seconds that what may take long may take."""
PAUSE = 0.01
"""Seconds before the second try, about; each further one waits twice as long, up to `LONGEST`."""
LONGEST = 0.5
REPLICA_PATIENCE = 10.0
"""Seconds that a replica gets for an answer, before the primary is asked."""
REPLICA_PAUSE = 30.0
"""Seconds until a replica that was away is asked again."""

MOST_KEYS = 64
"""Looked up by one statement."""
MOST_WRITTEN = 16
"""Written in one round trip. Together they must fit into the 128 KiB that the driver sends at once:
between two such parts it can't be broken off."""

NUL = "22021"
"""SQLSTATE of a text that holds what PostgreSQL's can't."""
CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of a transaction that must run again: serialization failure, deadlock."""
CHECKED = "23514"
"""SQLSTATE of a row that breaks a constraint, or is not within the bounds of its partition."""
FOLLOWS = "25006"
"""SQLSTATE of a write to a server that only follows another."""
AWAY = ("08", "57P", "53300", FOLLOWS)
"""Beginnings of SQLSTATEs of a server that goes, comes, is full, or only follows another."""


@dataclass(slots=True)
class Counts:
    """What happened since the start, and what waits."""

    conflicts: int = 0
    """Units that had to run again because of others."""
    outages: int = 0
    """Tries that found no server."""
    connecting: int = 0
    """Units that have no connection yet, at this moment."""


Unit = Callable[["_Progress"], T]


class PostgresDatabase:
    """The `Database` on a PostgreSQL server."""

    def __init__(
        self,
        url: str,
        *,
        replica_url: str | None = None,
        pool_size: int = 10,
        timeout: float = 5.0,
        prepare: bool = True,
    ) -> None:
        """`timeout` in seconds. Connects when it is first asked."""
        self.url = url
        self.counts = Counts()
        self._timeout = timeout
        make = EngineMaker(pool_size=pool_size, timeout=timeout, prepare=prepare)
        self._engine = make(url)
        self._replica = make(replica_url) if replica_url else None
        self._replica_back_at = 0.0
        self._lookups = Gathering(self.read, most=MOST_KEYS)
        self._writes = Gathering(self.write_one, most=MOST_WRITTEN)

    @property
    def pool(self) -> QueuePool:
        """The connections, to be counted."""
        assert isinstance(self._engine.pool, QueuePool)
        return self._engine.pool

    @property
    def waiting(self) -> int:
        """What has no connection yet."""
        return self.counts.connecting + self._lookups.waiting + self._writes.waiting

    async def read(self, work: Work[T]) -> T:
        """Look up some rows by key, and return what the unit returns."""

        def unit(progress: _Progress) -> T:
            with progress.connect(self._engine) as connection:
                return work(connection)

        return await self._until_answered(unit, within=self._timeout)

    async def look_up(self, lookup: Lookup[K, V], key: K) -> V:
        """The same of one key; what others look up at this moment goes along."""
        if isinstance(key, str) and "\0" in key:
            # Refused, and asked for again without: that is not for others to wait for.
            return await self.read(lambda c: lookup.one(c, key))
        return await self._lookups.ask(lookup, key)

    async def scan(self, work: Work[T], *, fresh: bool = False) -> T:
        """Run a unit that reads and may take long; on the replica, where there is one.

        While that is away, or it must be `fresh`, here: an answer that comes from the primary is
        never wrong.
        """

        def unit_on(engine: AsyncEngine) -> Unit[T]:
            def unit(progress: _Progress) -> T:
                with progress.connect(engine) as connection:
                    return work(connection)

            return unit

        now = asyncio.get_running_loop().time()
        if self._replica is not None and not fresh and now >= self._replica_back_at:
            try:
                return await self._until_answered(
                    unit_on(self._replica), within=REPLICA_PATIENCE, patient=False
                )
            except DatabaseUnavailable:
                self._replica_back_at = asyncio.get_running_loop().time() + REPLICA_PAUSE
                logs.get("storage").warning("replica away: the primary answers")
        return await self._until_answered(unit_on(self._engine), within=SCAN_TIMEOUT)

    async def write(self, work: Work[T], *, isolation: Isolation = "SERIALIZABLE") -> T:
        """Run a unit in a transaction, and return what it returns once that is committed."""

        def unit(progress: _Progress) -> T:
            with progress.connect(self._engine) as connection:
                connection = connection.execution_options(isolation_level=isolation)
                with connection.begin():
                    result = work(connection)
                    progress.may_be_committed = True
                return result

        return await self._until_answered(unit, within=self._timeout)

    async def write_one(self, work: Work[T]) -> T:
        """Run a unit whose one statement is a transaction of its own: one round trip."""

        def unit(progress: _Progress) -> T:
            with progress.connect(self._engine) as connection:
                progress.may_be_committed = True
                return work(connection)

        return await self._until_answered(unit, within=self._timeout)

    async def write_together(self, together: Together, values: Values) -> bool:
        """The same of these rows; what others write at this moment shares the round trip."""
        return await self._writes.ask(together, values)

    async def close(self) -> None:
        """Finish what was begun, then let go of the connections."""
        await self._lookups.close()
        await self._writes.close()
        await self._engine.dispose()
        if self._replica is not None:
            await self._replica.dispose()

    async def _until_answered(self, unit: Unit[T], *, within: float, patient: bool = True) -> T:
        """What the unit returns; a `patient` caller waits for a server that is away."""
        progress = _Progress(self.counts)
        try:
            async with asyncio.timeout(within):
                while True:
                    progress.may_be_committed = False
                    try:
                        return await greenlet_spawn(unit, progress)
                    except (DBAPIError, OSError) as error:
                        if not self._may_run_again(error, progress, patient=patient):
                            raise
                    await asyncio.sleep(progress.next_pause())
        except DBAPIError as error:
            told = translated(error)
            raise told from (None if isinstance(told, ValueError) else error)
        except (OSError, PoolTimeout) as error:  # `TimeoutError` is an OSError
            logs.get("storage").error("database unavailable", error=type(error).__name__)
            raise DatabaseUnavailable from error

    def _may_run_again(
        self, error: DBAPIError | OSError, progress: _Progress, *, patient: bool
    ) -> bool:
        state = _state(error)
        if state == NUL and not progress.without_nul:
            progress.without_nul = True
            return True
        # Said at the commit too, and then it was none.
        if state in CONFLICTS or _is_misplaced(error):
            self.counts.conflicts += 1
            return True
        closed = isinstance(error, DBAPIError) and error.connection_invalidated
        if not (
            isinstance(error, OSError) or closed or state.startswith(AWAY) or _is_unsent(error)
        ):
            return False
        self.counts.outages += 1
        untouched = state == FOLLOWS or _is_unsent(error)
        return patient and (untouched or not progress.may_be_committed)


def _state(error: DBAPIError | OSError) -> str:
    """The SQLSTATE; empty where the server said none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _is_misplaced(error: DBAPIError | OSError) -> bool:
    """Whether a row has another partition than it had when its statement began."""
    cause = getattr(getattr(error, "orig", None), "__cause__", None)
    # Bounds have no name, unlike the constraints that are ours.
    return _state(error) == CHECKED and getattr(cause, "constraint_name", None) is None


def _is_unsent(error: Exception) -> bool:
    """Whether the driver refused to send anything, on a connection that its server has left."""
    told = str(getattr(error, "orig", ""))
    return "connection is closed" in told or "another operation" in told


@dataclass(slots=True)
class _Progress:
    """How far a unit has come."""

    counts: Counts
    may_be_committed: bool = False
    without_nul: bool = False
    """Whether a text has turned out to hold one."""
    pause: float = PAUSE

    @contextmanager
    def connect(self, engine: AsyncEngine) -> Iterator[Connection]:
        """A connection whose statements are transactions of their own."""
        sync_engine = engine.sync_engine
        if self.without_nul:
            sync_engine = without_nul(sync_engine)
        self.counts.connecting += 1
        try:
            connecting = sync_engine.connect()
        finally:
            self.counts.connecting -= 1
        with connecting as connection:
            try:
                yield connection
            except DBAPIError as error:
                if _state(error) == FOLLOWS or _is_unsent(error):
                    # Its server leads no longer, or has gone: the next one asks anew.
                    connection.invalidate()
                raise

    def next_pause(self) -> float:
        """Seconds to wait before the next try, at random, so that two don't meet again."""
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311  (no secret)
