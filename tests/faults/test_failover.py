"""The primary of a pair is lost while two instances are used, and the other one takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.faults.patroni import PatroniPair, patroni_pair

pytestmark = pytest.mark.faults


@pytest.fixture
def servers() -> Iterator[PatroniPair]:
    with patroni_pair() as pair:
        yield pair


async def test_what_was_acknowledged_outlives_the_loss_of_the_primary(
    make_pair: Callable[..., Pair], servers: PatroniPair
) -> None:
    url = await asyncio.to_thread(servers.primary().new_migrated)
    database = url.rpartition("/")[2]
    pair = make_pair(database_url=servers.url(database))
    load = Load(pair, password=pair[0].first["password"])
    lost = servers.leader()

    async with load.running() as ledger:
        await load.acknowledge(60)
        await asyncio.to_thread(lost.kill)
        await load.acknowledge(60)

    assert servers.leader() is not lost
    assert ledger.unknown > 0
    assert all(server.process and server.process.poll() is None for server in pair)
    primary = servers.primary()
    compare(ledger, pair[0], lambda sql: primary.sql(sql, database=database))
