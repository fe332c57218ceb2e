"""Redis restarts empty, and goes, under two instances that are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer
from tests.state.conftest import remembers_for_long

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("keeps", ["nothing", "what it had at first"])
@pytest.mark.parametrize("outage", ["fail-closed", "degraded"])
async def test_what_was_acknowledged_outlives_a_restart_and_the_loss_of_redis(
    make_pair: Callable[..., Pair],
    postgres: PostgresServer,
    url: str,
    own_redis: RedisServer,
    tmp_path: Path,
    outage: str,
    keeps: str,
) -> None:
    # Long ago: until then the database remembers what is used once as well.
    remembers_for_long(own_redis)
    if keeps != "nothing":
        with own_redis.client() as client:
            client.save()
    pair = make_pair(database_url=url, redis_url=own_redis.url, redis_outage=outage)
    load = Load(pair, tmp_path)

    async with load.running():
        await load.acknowledge(30)
        await load.everything()
        await asyncio.to_thread(own_redis.stop)
        await asyncio.to_thread(own_redis.start)
        await load.acknowledge(30)
        await load.everything()
        await asyncio.to_thread(own_redis.stop)
        if outage == "degraded":
            await load.acknowledge(30)
            await load.everything()
        else:
            await load.refused(10)
        await asyncio.to_thread(own_redis.start)
        await load.acknowledge(30)
        await load.everything()

    compare(load, lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))
