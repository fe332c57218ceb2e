"""Redis restarts empty, and goes, under two instances that are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.faults


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that this test may stop; it forgets all when it does."""
    with redis_server() as server:
        yield server


@pytest.mark.parametrize("outage", ["fail-closed", "degraded"])
async def test_what_was_acknowledged_outlives_a_restart_and_the_loss_of_redis(
    make_pair: Callable[..., Pair],
    postgres: PostgresServer,
    url: str,
    own_redis: RedisServer,
    outage: str,
) -> None:
    pair = make_pair(database_url=url, redis_url=own_redis.url, redis_outage=outage)
    load = Load(pair, password=pair[0].first["password"])

    async with load.running() as ledger:
        await load.acknowledge(30)
        await asyncio.to_thread(own_redis.stop)
        await asyncio.to_thread(own_redis.start)
        await load.acknowledge(30)
        await asyncio.to_thread(own_redis.stop)
        if outage == "degraded":
            await load.acknowledge(30)
        else:
            await load.refused(10)
        await asyncio.to_thread(own_redis.start)
        await load.acknowledge(30)

    compare(ledger, pair[0], lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))
