"""The primary of a pair is lost while two instances are used; later it comes back and leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.faults.patroni import PatroniPair, patroni_pair
from tests.redis_server import RedisServer

pytestmark = pytest.mark.faults


@pytest.fixture
def servers() -> Iterator[PatroniPair]:
    with patroni_pair() as pair:
        yield pair


async def test_what_was_acknowledged_outlives_the_loss_of_the_primary_and_its_return(
    make_pair: Callable[..., Pair], servers: PatroniPair, own_redis: RedisServer, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(servers.primary().new_migrated)
    database = url.rpartition("/")[2]
    # Redis is new: until it has remembered for long, what is used once is in PostgreSQL as well.
    pair = make_pair(database_url=servers.url(database), redis_url=own_redis.url)
    load = Load(pair, tmp_path)
    lost = servers.leader()

    async with load.running() as ledger:
        await load.everything()
        await asyncio.to_thread(lost.kill)
        await load.acknowledge(60)
        assert servers.leader() is not lost
        await load.everything()
        unknown = ledger.unknown
        await asyncio.to_thread(servers.bring_back, lost)
        await load.acknowledge(60)
        await asyncio.to_thread(servers.switch_over)
        await load.acknowledge(60)
        await load.everything()

    assert servers.leader() is lost
    assert unknown > 0
    assert all(server.process and server.process.poll() is None for server in pair)
    primary = servers.primary()
    compare(load, lambda sql: primary.sql(sql, database=database))
