"""The embedded database: SQLite in WAL mode, read by a few threads and written by one.

Queries are plain functions of a SQLAlchemy `Connection`. A unit of work is one such function,
run whole in another thread: one hop however many statements it has. SQLite has one writer at
a time in any case, so ours is one thread that takes all units waiting at that moment into one
transaction (group commit): each is answered after the commit that holds it, and many logins
share one flush to disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from vestibule.errors import DatabaseUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]

MAX_BATCH = 64
"""Units in one commit: enough to share the flush, few enough that none waits long for it."""

READERS = 2
BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process that holds the write lock."""


class Database:
    """Reads and writes of one SQLite file. Both are awaited from the event loop.

    Every method raises `DatabaseUnavailable` where the database can't be reached or doesn't
    answer, and lets `IntegrityError` through to the service that knows what it means.
    """

    def __init__(self, url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.url = url
        self._engine = create_embedded_engine(url, busy_timeout=busy_timeout)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self._connections: list[Connection] = []
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_loop, name="database-write", daemon=True)
        self._writer.start()

    async def read(self, work: Work[T]) -> T:
        """Run a unit that only reads, and return what it returns."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read, work)
        except DBAPIError as error:
            raise translated(error) from error

    async def write(self, work: Work[T]) -> T:
        """Run a unit in a transaction, and return what it returns once that is committed."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work=work, loop=loop, answer=answer))
        try:
            return await answer
        except DBAPIError as error:
            raise translated(error) from error

    async def close(self) -> None:
        """Finish what was begun, then let go of the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._connections:
            connection.close()
        self._engine.dispose()

    def _read(self, work: Work[T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._local.connection = connection
            self._connections.append(connection)
        try:
            return work(connection)
        finally:
            connection.rollback()

    def _write_loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, ended = [job], False
            while len(batch) < MAX_BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    ended = True
                    break
                batch.append(following)
            self._commit(batch)
            if ended:
                return

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._engine.begin() as connection:
                for job in batch:
                    job.run(connection, alone=len(batch) == 1)
        except BaseException as error:
            for job in batch:
                job.error = job.error or error
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

    def run(self, connection: Connection, *, alone: bool) -> None:
        """Run the unit; in company, its failure takes back its own rows and nobody else's."""
        if alone:
            self.result = self.work(connection)
            return
        savepoint = connection.begin_nested()
        try:
            self.result = self.work(connection)
        except Exception as error:
            savepoint.rollback()
            self.error = error
        else:
            savepoint.commit()


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.done():  # the request was cancelled meanwhile
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)


def translated(error: DBAPIError) -> Exception:
    """What a driver's error means to a client: a defect of ours stays what it is."""
    if isinstance(error, IntegrityError | ProgrammingError | DataError):
        return error
    return DatabaseUnavailable()


def create_embedded_engine(url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """An engine on a SQLite file in WAL mode, its folder made where it is missing.

    Raises `ValueError` for a URL of another database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.query:
        raise ValueError("the database URL must be of the form sqlite:////path/to/file.db")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, connect_args={"timeout": busy_timeout, "check_same_thread": False})

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
            connection.execute(text("BEGIN IMMEDIATE"))

    return engine
