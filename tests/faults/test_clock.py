"""Clocks are wrong, and jump, while two instances are used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server
from tests.faults.asking import LOGIN, claims_of
from tests.faults.clocks import FalseClock
from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.faults.proofs import TOKEN, Worker
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer
from tests.state.conftest import remembers_for_long

pytestmark = pytest.mark.faults

MINUTES = 10 * 60
DAY = 24 * 60 * 60
AHEAD, EXPIRED = 55, 8
"""Seconds: nearly as long as a proof may be used, and a little more than the rest of that."""
LIMIT = 20


async def _error_of(server: Server, password: str) -> float:
    """Seconds by which a server's tokens are wrong."""
    form = {"username": "admin", "password": password}
    async with httpx.AsyncClient(base_url=server.url, timeout=15) as client:
        answer = await client.post(LOGIN, data=form)
    issued: int = claims_of(answer.json()["access_token"])["iat"]
    return issued - time.time()


async def test_what_was_acknowledged_outlives_clocks_that_are_wrong_and_jump(
    make_pair: Callable[..., Pair],
    postgres: PostgresServer,
    url: str,
    own_redis: RedisServer,
    tmp_path: Path,
) -> None:
    # Long ago: what is used once is then remembered by Redis alone.
    remembers_for_long(own_redis)
    right, wrong = FalseClock(tmp_path / "one.clock"), FalseClock(tmp_path / "two.clock")
    pair = make_pair(
        database_url=url, redis_url=own_redis.url, within=[right.within(), wrong.within()]
    )
    password = pair[0].first["password"]
    load = Load(pair, tmp_path)
    # A token of tomorrow is none today, and one of today is over tomorrow.
    for what in ("key", "password"):
        load.ledger.excused[what] = {401: {"authentication_error", "expired_token_error"}}
    # A browser's sign-in that is over tomorrow goes on today: a form was of the one or the other.
    load.ledger.excused["code"] = {403: set()}

    async with load.running() as ledger:
        await load.everything()
        wrong.set(MINUTES)
        for seconds in (0, DAY, -DAY, 0):
            right.set(seconds)
            assert await _error_of(pair[0], password) == pytest.approx(seconds, abs=5)
            assert await _error_of(pair[1], password) == pytest.approx(MINUTES, abs=5)
            await load.acknowledge(60)
        await load.everything()

    assert ledger.races > 0
    assert all(server.process and server.process.poll() is None for server in pair)
    compare(load, lambda sql: postgres.sql(sql, database=url.rpartition("/")[2]))


async def test_what_one_took_whose_clock_is_ahead_is_not_taken_again_by_the_other(
    make_pair: Callable[..., Pair], url: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    remembers_for_long(own_redis)
    clock = FalseClock(tmp_path / "ahead.clock")
    ahead, right = make_pair(database_url=url, redis_url=own_redis.url, within=[clock.within(), ()])
    worker = Worker(right, tmp_path)
    clock.set(AHEAD)
    used = [worker.fresh("proof"), worker.fresh("assertion", lasts=30)]

    async def used_at(server: Server) -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=15) as client:
            answers = [await client.post(TOKEN, **once.request()) for once in used]
        return [answer.status_code for answer in answers]

    first = await used_at(ahead)
    # By the clock that is ahead both have expired then, and by the right one neither.
    await asyncio.sleep(EXPIRED)
    assert (first, await used_at(right)) == ([200, 200], [400, 401])


async def test_a_limit_is_one_for_all_where_clocks_differ_and_jump(
    make_pair: Callable[..., Pair], url: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    clocks = [FalseClock(tmp_path / "one.clock"), FalseClock(tmp_path / "two.clock")]
    pair = make_pair(
        database_url=url,
        redis_url=own_redis.url,
        limit_address=f"{LIMIT}/hour",
        within=[clock.within() for clock in clocks],
    )
    form = {"username": "admin", "password": pair[0].first["password"]}
    answers: list[int] = []

    async with httpx.AsyncClient(timeout=15) as client:
        for seconds in (0, MINUTES, DAY, -DAY):
            clocks[0].set(seconds)
            answers += [
                (await client.post(server.url + LOGIN, data=form)).status_code
                for server in pair * (LIMIT // 4)
            ]

    assert answers == [200] * LIMIT + [429] * LIMIT
