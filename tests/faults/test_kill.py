"""An instance is killed, again and again, while both are used."""

from __future__ import annotations

import asyncio
import os
import signal
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

KILLS = int(os.environ.get("VESTIBULE_FAULTS_KILLS", "50"))
"""Fifty take minutes: whoever is in a hurry asks for fewer."""


async def test_what_was_acknowledged_outlives_kill_9_of_an_instance(
    make_pair: Callable[..., Pair],
    postgres: PostgresServer,
    url: str,
    own_redis: RedisServer,
    tmp_path: Path,
) -> None:
    # Long ago: what is used once is then remembered by Redis alone.
    remembers_for_long(own_redis)
    pair = make_pair(database_url=url, redis_url=own_redis.url)
    load = Load(pair, tmp_path)

    async with load.running() as ledger:
        await load.everything()
        for number in range(KILLS):
            victim = pair[number % 2]
            await load.acknowledge(10)
            await asyncio.to_thread(victim.stop, signal.SIGKILL)
            # The other one goes on alone.
            await load.acknowledge(10)
            await asyncio.to_thread(victim.start)
        await load.everything()

    assert ledger.unknown > 0
    assert ledger.races > 0
    compare(load, lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))
