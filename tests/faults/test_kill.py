"""An instance is killed, again and again, while both are used."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.postgres import PostgresServer

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("VESTIBULE_FAULTS_KILLS", "5"))
"""Fifty take minutes: for whoever asks for them."""


async def test_what_was_acknowledged_outlives_kill_9_of_an_instance(
    make_pair: Callable[..., Pair], postgres: PostgresServer, url: str
) -> None:
    pair = make_pair(database_url=url)
    load = Load(pair, password=pair[0].first["password"])

    async with load.running() as ledger:
        for number in range(KILLS):
            victim = pair[number % 2]
            await load.acknowledge(10)
            await asyncio.to_thread(victim.stop, signal.SIGKILL)
            # The other one goes on alone.
            await load.acknowledge(10)
            await asyncio.to_thread(victim.start)
        await load.acknowledge(20)

    assert ledger.unknown > 0
    assert ledger.races > 0
    compare(ledger, pair[0], lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))
