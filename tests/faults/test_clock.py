"""Clocks are wrong, and jump, while two instances are used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server
from tests.faults.clocks import FalseClock
from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import LOGIN, Load, claims_of
from tests.postgres import PostgresServer

pytestmark = pytest.mark.faults

MINUTES = 10 * 60
DAY = 24 * 60 * 60


async def _error_of(server: Server, password: str) -> float:
    """Seconds by which a server's tokens are wrong."""
    form = {"username": "admin", "password": password}
    async with httpx.AsyncClient(base_url=server.url, timeout=15) as client:
        answer = await client.post(LOGIN, data=form)
    issued: int = claims_of(answer.json()["access_token"])["iat"]
    return issued - time.time()


async def test_what_was_acknowledged_outlives_clocks_that_are_wrong_and_jump(
    make_pair: Callable[..., Pair], postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    right, wrong = FalseClock(tmp_path / "one.clock"), FalseClock(tmp_path / "two.clock")
    pair = make_pair(database_url=url, within=[right.within(), wrong.within()])
    password = pair[0].first["password"]
    load = Load(pair, password=password)
    # A token of tomorrow is none today, and one of today is over tomorrow.
    load.ledger.excused["key"] = {401: {"authentication_error", "expired_token_error"}}

    async with load.running() as ledger:
        await load.acknowledge(40)
        wrong.set(MINUTES)
        for seconds in (0, DAY, -DAY, 0):
            right.set(seconds)
            assert await _error_of(pair[0], password) == pytest.approx(seconds, abs=5)
            assert await _error_of(pair[1], password) == pytest.approx(MINUTES, abs=5)
            await load.acknowledge(40)

    assert ledger.races > 0
    assert all(server.process and server.process.poll() is None for server in pair)
    compare(ledger, pair[0], lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))
