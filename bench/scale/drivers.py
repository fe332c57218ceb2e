"""The drivers that SQLAlchemy has for PostgreSQL on an event loop: what a statement costs by each.

They run the same statements in turn, on the same server and tables, through connections that are
open already, so that what differs is theirs.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bench.cpu import LOAD, Meters, between
from bench.measures import rotated, run
from bench.scale import servers
from bench.scale.deployment import DATABASE, pid_of
from bench.scale.effort import Effort
from vestibule.storage.dialect import URL

ROUNDS = 7
SECONDS = 4.0
AT_ONCE = 16
PEOPLE = 10_000
DRIVERS = {"asyncpg": URL, "psycopg": "postgresql+psycopg://"}
"""What an engine is made with; the first is ours, in the dialect that the service has."""

metadata = sa.MetaData()
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
)
visits = sa.Table(
    "visits",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person", sa.Uuid, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)
NOW = datetime(2030, 1, 1, tzinfo=UTC)

LOOK_UP = sa.select(people).where(people.c.id == sa.bindparam("key"))
SEEN = people.update().where(people.c.id == sa.bindparam("key")).values(seen_at=NOW)
VISIT = visits.insert()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs, in core-microseconds."""

    rate: float
    """Calls a second."""
    ours: float
    """Of the process that asks."""
    database: float


Work = Callable[[AsyncConnection, int], Awaitable[None]]


async def look_up(connection: AsyncConnection, turn: int) -> None:
    """A row by its key, as every request begins: one statement, without a transaction."""
    key = UUID(int=turn % PEOPLE)
    if (await connection.execute(LOOK_UP, {"key": key})).one().id != key:
        raise RuntimeError("another row came")


async def write(connection: AsyncConnection, turn: int) -> None:
    """One row changed and one more, in a transaction: three flights and a flush."""
    async with connection.begin():
        await connection.execute(SEEN, {"key": UUID(int=turn % PEOPLE)})
        row = {"id": UUID(int=time.time_ns()), "person": UUID(int=turn), "details": {"turn": turn}}
        await connection.execute(VISIT, row)


WORK: dict[str, tuple[Work, str]] = {
    "look-up": (look_up, "AUTOCOMMIT"),
    "write": (write, "READ COMMITTED"),
}


def drivers(effort: Effort) -> Iterator[str]:
    """Core-microseconds of a look-up by key and of a write of two rows, by each driver."""
    rounds, seconds = effort.rounds or ROUNDS, effort.seconds or SECONDS
    with servers.postgres() as server:
        meters = Meters({DATABASE: [pid_of(server)]})
        address = server.url().partition("://")[2]
        run(_fill(DRIVERS["asyncpg"] + address))
        for name, (work, isolation) in WORK.items():
            yield f"| round | driver | {name}s/s | core-microseconds each | of PostgreSQL | ratio |"
            yield "|---|---|---|---|---|---|"
            ratios = []
            for index in range(1, rounds + 1):
                costs = {
                    driver: run(
                        _measured(DRIVERS[driver] + address, isolation, work, meters, seconds)
                    )
                    for driver in rotated(list(DRIVERS), index)
                }
                for driver in DRIVERS:
                    cost, ratio = costs[driver], costs[driver].ours / costs["asyncpg"].ours
                    yield (
                        f"| {index} | {driver} | {cost.rate:,.0f} | {cost.ours:.0f} "
                        f"| {cost.database:.0f} | {ratio:.2f} |"
                    )
                ratios.append(ratio)
            yield ""
            yield f"- {name}s by psycopg over asyncpg: median {statistics.median(ratios):.2f}"
            yield ""


async def _measured(url: str, isolation: str, work: Work, meters: Meters, seconds: float) -> Cost:
    """By so many at once."""
    async with _connected(url, isolation) as connections:
        turns = itertools.count()
        for connection in connections:  # what is prepared is prepared before
            for _ in range(10):
                await work(connection, next(turns))
        first = next(turns)
        before, began = meters.read(), time.perf_counter()

        async def one(connection: AsyncConnection) -> None:
            while time.perf_counter() < began + seconds:
                await work(connection, next(turns))

        await asyncio.gather(*map(one, connections))
        used, taken = between(before, meters.read()), time.perf_counter() - began
        count = next(turns) - first - 1
    return Cost(count / taken, 1e6 * used[LOAD] / count, 1e6 * used[DATABASE] / count)


@asynccontextmanager
async def _connected(url: str, isolation: str) -> AsyncIterator[list[AsyncConnection]]:
    engine = create_async_engine(url, isolation_level=isolation, pool_size=AT_ONCE)
    try:
        connections = [await engine.connect() for _ in range(AT_ONCE)]
        yield connections
        for connection in connections:
            await connection.close()
    finally:
        await engine.dispose()


async def _fill(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(
            people.insert(),
            [
                {"id": UUID(int=number), "name": f"user{number}", "active": True, "seen_at": NOW}
                for number in range(PEOPLE)
            ],
        )
    await engine.dispose()
