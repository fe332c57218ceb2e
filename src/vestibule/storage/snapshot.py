"""All of a table as it stood at one moment, in bounded memory, on a connection made for it alone.

Such a reading may last for minutes: it has no time limit but one on silence. Meanwhile others write
as ever; the database keeps for it what they replace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vestibule import logs
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.database import T, Work, translated
from vestibule.storage.embedded import create_embedded_engine

CONNECTING = 10.0
"""Seconds that a connection may take."""
SILENCE = 120.0
"""Seconds within which something more must come."""


class Snapshot:
    """An embedded database as it stood when this was first asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, work: Work[T]) -> T:
        """Run a unit that reads, in a thread, and return what it returns."""
        return await asyncio.to_thread(work, self._connection)


@asynccontextmanager
async def embedded_snapshot(url: str) -> AsyncIterator[Snapshot]:
    """One moment of the embedded database, for as long as the block lasts.

    It stops no writer, but the write-ahead log grows until it ends. Raises `DatabaseUnavailable`.
    """
    engine = create_embedded_engine(url)

    def begun() -> Connection:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Ours to say: the engine would take the lock of writers.
        connection.exec_driver_sql("BEGIN DEFERRED")
        return connection

    try:
        connection = await asyncio.to_thread(begun)
        try:
            yield Snapshot(connection)
        finally:
            connection.close()
    except DBAPIError as error:
        raise translated(error) from error
    finally:
        engine.dispose()


async def copy_lines(
    url: str, query: str, take: Callable[[bytes], None], *, silence: float = SILENCE
) -> None:
    """Hand on the lines of a query of PostgreSQL, which goes by `COPY` and sees one moment.

    Each row is one line of UTF-8, without control characters in it, as JSON is. `take` gets some
    whole lines at a time; no more is read until it returns. Raises `DatabaseUnavailable` where the
    server can't be reached, goes away or says nothing for `silence` seconds.
    """
    import asyncpg  # not loaded where the database is the embedded one

    rest = b""
    own: Exception | None = None

    async def receive(data: bytes) -> None:
        nonlocal rest, own
        limit.reschedule(loop.time() + silence)
        lines, end, rest = (rest + data).rpartition(b"\n")
        # Of what COPY escapes only the backslash occurs.
        try:
            take((lines + end).replace(b"\\\\", b"\\"))
        except Exception as error:
            own = error
            raise

    loop = asyncio.get_running_loop()
    try:
        connection = await asyncpg.connect(
            url.replace("postgresql+asyncpg://", "postgresql://", 1),
            timeout=CONNECTING,
            statement_cache_size=0,
        )
        try:
            async with asyncio.timeout(silence) as limit:
                await connection.copy_from_query(query, output=receive)
            await connection.close(timeout=CONNECTING)
        finally:
            connection.terminate()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if error is own or isinstance(error, asyncpg.SyntaxOrAccessError):
            raise
        logs.get("storage").error("database unavailable", error=type(error).__name__)
        raise DatabaseUnavailable from error
