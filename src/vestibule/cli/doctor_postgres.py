"""What the doctor looks at around PostgreSQL: a pooler before it, and a replica beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from vestibule.cli.finding import Finding
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.storage.database import is_embedded

if TYPE_CHECKING:
    import asyncpg

OTHERS = 3
"""Connections that are held so that a pooler must give us another one than before."""


def examine_postgres(settings: Settings) -> Iterator[Finding]:
    """Whether prepared statements survive the way to it, and whether its replica is one of it."""
    url = settings.sqlalchemy_url
    if is_embedded(url):
        return
    if settings.database_prepare and not asyncio.run(
        _keeps_statements(url, timeout=settings.database_timeout)
    ):
        yield Finding(
            "database", "error", "a pooler before it loses prepared statements",
            "set VESTIBULE_DATABASE_PREPARE=false, or max_prepared_statements in PgBouncer",
        )  # fmt: skip
    if settings.database_replica_url is not None:
        yield _replica(settings.database_replica_url.get_secret_value(), schema.current(url))


def _replica(url: str, version: str | None) -> Finding:
    try:
        found = schema.current(url)
    except schema.Unusable as error:
        return Finding(
            "replica", "warning", f"it is away: {error}",
            "look at VESTIBULE_DATABASE_REPLICA_URL; until then the primary is asked",
        )  # fmt: skip
    if found != version:
        return Finding(
            "replica", "warning", f"it is at version {found}, its primary at {version}",
            "see that it follows the database of VESTIBULE_DATABASE_URL",
        )  # fmt: skip
    return Finding("replica", "ok", f"it can be read and is at version {found}")


async def _keeps_statements(url: str, *, timeout: float) -> bool:  # noqa: ASYNC109
    """Whether a prepared statement is still there when others use the database meanwhile.

    Where that can't be found out in time, nothing is claimed. Raises what the driver raises.
    """
    import asyncpg  # not loaded where the database is the embedded one

    try:
        async with asyncio.timeout(3 * timeout), AsyncExitStack() as held:
            ours = await held.enter_async_context(_connection(url, timeout=timeout))
            asking = await ours.prepare("SELECT pg_backend_pid()", name=f"v_{token_hex(8)}")
            server = await asking.fetchval()
            if server == ours.get_server_pid():
                return True  # nobody stands between
            for _ in range(OTHERS):
                other = await held.enter_async_context(_connection(url, timeout=timeout))
                await other.execute("BEGIN")
                held.push_async_callback(other.execute, "ROLLBACK")
                if await asking.fetchval() != server:
                    return True  # it has come along
    except asyncpg.InvalidSQLStatementNameError:
        return False
    except TimeoutError:
        return True
    return True  # each client has a connection of its own


@asynccontextmanager
async def _connection(url: str, *, timeout: float) -> AsyncIterator[asyncpg.Connection]:  # noqa: ASYNC109
    from vestibule.storage.connecting import connect

    connection = await connect(url, timeout=timeout, prepare=False)
    try:
        yield connection
    finally:
        connection.terminate()
