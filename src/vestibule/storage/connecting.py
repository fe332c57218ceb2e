"""Connections to PostgreSQL, directly or through a pooler such as PgBouncer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import Any

import asyncpg
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from vestibule.storage import dialect
from vestibule.storage.database import T, Work

RECYCLE = 1800
"""Seconds after which a connection makes room for a new one, so that load spreads again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMaker:
    """Makes engines whose statements are transactions of their own, unless a unit says so.

    `timeout` in seconds, for a connection. `prepare` is whether statements are prepared once for
    each connection: it must be the server's own, or a pooler's that keeps them.
    """

    pool_size: int
    timeout: float
    prepare: bool

    def __call__(self, url: str) -> AsyncEngine:
        return create_async_engine(
            dialect.URL,
            connect_args=_connect_args(url, timeout=self.timeout, prepare=self.prepare),
            pool_size=self.pool_size,
            max_overflow=0,
            pool_timeout=self.timeout,
            pool_recycle=RECYCLE,
            pool_use_lifo=True,
            # An error's text would carry names, digests and hashes into the log.
            hide_parameters=True,
            # What is asked most: a unit that needs a transaction says so.
            isolation_level="AUTOCOMMIT",
        )


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # it has no types
    """Keeps what a statement that was run for many returned, which SQLAlchemy asks nobody for."""

    names: Callable[[], str] | None = None
    """For prepared statements; None where there are to be none."""
    returned: Sequence[asyncpg.Record] = ()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._for_many: dict[str, asyncpg.prepared_stmt.PreparedStatement] = {}

    async def executemany(self, command: str, args: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if self.names is None:
            self.returned = await self.fetchmany(command, args, timeout=timeout)
            return
        statement = self._for_many.get(command)
        if statement is None:
            statement = await self.prepare(command, name=self.names())
            self._for_many[command] = statement
        try:
            self.returned = await statement.fetchmany(args, timeout=timeout)
        except BaseException:
            del self._for_many[command]  # it may be that the tables have changed
            raise


async def connect(url: str, *, timeout: float, prepare: bool) -> asyncpg.Connection:  # noqa: ASYNC109
    """A connection of the driver's own; the URL is read as libpq would read it.

    Raises what the driver raises.
    """
    return await asyncpg.connect(
        url.replace("postgresql+asyncpg://", "postgresql://", 1),
        timeout=timeout,
        connection_class=_Connection,
        **({} if prepare else {"statement_cache_size": 0}),
    )


def _connect_args(url: str, *, timeout: float, prepare: bool) -> dict[str, Any]:
    """What SQLAlchemy's dialect hands on."""
    names = _unique_names()

    async def creator(**_: Any) -> asyncpg.Connection:
        connection = await connect(url, timeout=timeout, prepare=prepare)
        connection.names = names if prepare else None
        return connection

    if prepare:
        return {"async_creator_fn": creator, "prepared_statement_name_func": names}
    # A pooler may hand each statement to another server connection. One without a name is sent
    # along with its values, so that it needs nothing from before, and leaves nothing behind.
    return {
        "async_creator_fn": creator,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",
    }


def _unique_names() -> Callable[[], str]:
    """Names that no other process gives.

    Behind a pooler that mixes connections up, somebody else's statement of the same name would
    answer instead of ours.
    """
    prefix, numbers = token_hex(8), count()
    return lambda: f"v_{prefix}_{next(numbers)}"


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


async def connected(url: str, work: Work[T], *, patience: float) -> T:
    """Run a unit in a transaction on a connection of its own, for upkeep.

    It may end the transaction itself, and go on in the next. `patience` in seconds, for the
    connection. Raises what the driver raises.
    """
    engine = create_async_engine(
        dialect.URL,
        connect_args=_connect_args(url, timeout=patience, prepare=False),
        poolclass=NullPool,
        hide_parameters=True,
    )

    def unit() -> T:
        with _disposed(engine.sync_engine) as once, once.connect() as connection:
            result = work(connection)
            connection.commit()
            return result

    return await greenlet_spawn(unit)
