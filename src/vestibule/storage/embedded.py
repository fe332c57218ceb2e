"""The embedded database: SQLite in WAL mode, read where it is asked and written by one thread.

SQLite has one writer at a time in any case, so ours is one thread that takes all units waiting at
that moment into one transaction (group commit): each is answered after the commit that holds it,
and many logins share one flush to disk. A look-up by key costs less than waking another thread
for it, and under full load, when every wake-up takes a core from a password hash, far less: such
reads run at once on the event loop's own connection. What may take long, `scan`, goes to a
thread.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from vestibule.storage.database import Isolation, K, T, V, Work, translated
from vestibule.storage.lookup import Lookup
from vestibule.storage.together import Together, Values

MAX_BATCH = 64
"""Units in one commit, about: enough to share the flush, few enough that none waits long."""

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process that holds the write lock."""


class EmbeddedDatabase:
    """The `Database` in one SQLite file."""

    def __init__(self, url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.url = url
        self._engine = create_embedded_engine(url, busy_timeout=busy_timeout)
        # It never waits for a lock: that is for another thread than the event loop's.
        self._impatient = create_embedded_engine(url, busy_timeout=0)
        self._reading: Connection | None = None
        self._writing: Connection | None = None
        self._submitted: list[_Job] = []
        self._jobs: queue.SimpleQueue[list[_Job]] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_loop, name="database-write", daemon=True)
        self._writer.start()

    async def read(self, work: Work[T]) -> T:
        """Look up some rows by key, and return what the unit returns."""
        try:
            return self._read_here(work)
        except OperationalError:
            # Locked by another process, or gone: a thread can wait for it.
            return await self.scan(work)
        except DBAPIError as error:
            raise translated(error) from error

    async def look_up(self, lookup: Lookup[K, V], key: K) -> V:
        """The same of one key. There is no way there and back that others could go along."""
        return await self.read(lambda c: lookup.one(c, key))

    async def scan(self, work: Work[T], *, fresh: bool = False) -> T:
        """Run a unit that reads and may take long, and return what it returns: always fresh."""
        try:
            return await asyncio.to_thread(self._read_patiently, work)
        except DBAPIError as error:
            raise translated(error) from error

    async def write(self, work: Work[T], *, isolation: Isolation = "SERIALIZABLE") -> T:
        """Run a unit in a transaction, and return what it returns once that is committed.

        There is one writer: every unit runs alone, whatever the isolation.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        if not self._submitted:
            # Once this turn of the loop is over: what else it writes goes along.
            loop.call_soon(self._submit)
        self._submitted.append(_Job(work=work, loop=loop, answer=answer))
        try:
            return await answer
        except DBAPIError as error:
            raise translated(error) from error

    async def write_one(self, work: Work[T]) -> T:
        """The same: other units go along in its transaction."""
        return await self.write(work)

    async def write_together(self, together: Together, values: Values) -> bool:
        """As `write_one`."""
        return await self.write(lambda c: together.one(c, values))

    async def close(self) -> None:
        """Finish what was begun, then let go of the file."""
        self._submit()
        self._jobs.put([])
        await asyncio.to_thread(self._writer.join)
        for connection in (self._reading, self._writing):
            if connection is not None:
                connection.close()
        self._impatient.dispose()
        self._engine.dispose()

    def _read_here(self, work: Work[T]) -> T:
        if self._reading is None:
            self._reading = self._impatient.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
        try:
            # Each statement is a transaction of its own: there is none to end here.
            return work(self._reading)
        except BaseException:
            self._reading.rollback()
            raise

    def _read_patiently(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            return work(connection.execution_options(isolation_level="AUTOCOMMIT"))

    def _submit(self) -> None:
        if self._submitted:
            self._jobs.put(self._submitted)
            self._submitted = []

    def _write_loop(self) -> None:
        while batch := self._jobs.get():
            while len(batch) < MAX_BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if not following:
                    self._jobs.put(following)
                    break
                batch += following
            self._commit(batch)

    def _writing_connection(self) -> Connection:
        if self._writing is None or self._writing.invalidated:
            self._writing = self._engine.connect()
        return self._writing

    def _commit(self, batch: list[_Job]) -> BaseException | None:
        """Commit them together; what kept them from being begun, if anything did."""
        has_begun = False
        try:
            with self._writing_connection().begin() as transaction:
                has_begun = True
                for job in batch:
                    job.result = job.work(transaction.connection)
        except BaseException as error:
            if not has_begun or len(batch) == 1:
                self._fail(batch, error)
                return None if has_begun else error
        else:
            self._answer(batch)
            return None
        # One of them failed: the rest must not fail with it.
        for number, job in enumerate(batch, start=1):
            if obstacle := self._commit([job]):
                # Somebody else writes: each would wait for the lock as long as this one did.
                self._fail(batch[number:], obstacle)
                return obstacle
        return None

    def _fail(self, batch: list[_Job], error: BaseException) -> None:
        for job in batch:
            job.error = error
        self._answer(batch)

    def _answer(self, batch: list[_Job]) -> None:
        for loop in {job.loop for job in batch}:
            answered = [job for job in batch if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_deliver, answered)
            except RuntimeError:
                # The loop has closed: the program ended before the answer was due.
                continue


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.done():  # the request was cancelled meanwhile
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)


def create_embedded_engine(url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """An engine on a SQLite file in WAL mode, its folder made where it is missing.

    Raises `ValueError` for a URL of another database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.query:
        raise ValueError("the database URL must be of the form sqlite:////path/to/file.db")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(
        url,
        connect_args={"timeout": busy_timeout, "check_same_thread": False},
        # An error's text would carry names, digests and hashes into the log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours to say, not the driver's
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL flushes the log at each commit: what was acknowledged outlives a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-8192")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            # Take the write lock at once: upgrading later can fail without waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
