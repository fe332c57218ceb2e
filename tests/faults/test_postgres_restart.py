"""PostgreSQL restarts under two instances that are used."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.postgres import PostgresServer, postgres_server
from tests.redis_server import RedisServer
from tests.state.conftest import remembers_for_long

pytestmark = pytest.mark.faults

AWAY = 0.5
"""Seconds for which it stays away, besides those that it needs to start."""


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A server as it is by default: what it has acknowledged is on the disk."""
    with postgres_server({}) as server:
        yield server


@pytest.fixture
def durable_url(durable: PostgresServer) -> str:
    """A database on it."""
    return durable.new_migrated()


@pytest.mark.parametrize("remembers", ["redis", "postgresql"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "crash"])
async def test_what_was_acknowledged_outlives_a_restart_of_postgresql(
    make_pair: Callable[..., Pair],
    durable: PostgresServer,
    durable_url: str,
    own_redis: RedisServer,
    tmp_path: Path,
    number: signal.Signals,
    remembers: str,
) -> None:
    # Long ago: what is used once is then remembered by Redis alone, where there is one.
    remembers_for_long(own_redis)
    shared = {"redis_url": own_redis.url} if remembers == "redis" else {}
    pair = make_pair(database_url=durable_url, **shared)
    load = Load(pair, tmp_path)

    async with load.running():
        for _ in range(2):
            await load.everything()
            await asyncio.to_thread(durable.stop, number)
            await asyncio.sleep(AWAY)
            await asyncio.to_thread(durable.start)
            await load.acknowledge(30)
        await load.everything()

    assert all(server.process and server.process.poll() is None for server in pair)
    compare(load, lambda sql: durable.sql(sql, database=durable_url.rpartition("/")[2]))


async def test_while_postgresql_stays_away_each_request_fails_within_its_time(
    make_pair: Callable[..., Pair], durable: PostgresServer, durable_url: str, tmp_path: Path
) -> None:
    pair = make_pair(database_url=durable_url, database_timeout="1")
    load = Load(pair, tmp_path)

    async with load.running() as ledger:
        await load.everything()
        await asyncio.to_thread(durable.stop, signal.SIGINT)
        await load.refused(12)
        await asyncio.to_thread(durable.start)
        await load.everything()

    assert ledger.slowest < 5
    compare(load, lambda sql: durable.sql(sql, database=durable_url.rpartition("/")[2]))
