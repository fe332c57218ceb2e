"""What goes wrong with what is shared though Redis is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import MaxConnectionsError

from tests.redis_server import RedisServer
from tests.state.conftest import back, remembers_for_long
from tests.state.topologies import count, hears_itself, shared_state, stands_a_crowd
from tests.waiting import PATIENCE, until
from tests.world import FakeClock
from vestibule.errors import DatabaseUnavailable
from vestibule.state import news
from vestibule.state.clients import MAX_CONNECTIONS
from vestibule.wiring import Services

pytestmark = pytest.mark.once


async def test_a_crowd_is_counted_and_told(redis: RedisServer) -> None:
    shared = shared_state(redis.url)
    shared.start()

    await stands_a_crowd(shared)
    await shared.close()


async def test_that_all_connections_are_in_use_does_not_mean_that_it_is_away(
    redis: RedisServer,
) -> None:
    shared = shared_state(redis.url)
    assert isinstance(shared._client, Redis)
    pool: Any = shared._client.connection_pool
    held = [await pool.get_connection() for _ in range(MAX_CONNECTIONS)]

    with pytest.raises(DatabaseUnavailable):
        await count(shared)
    available = shared.status().available
    for connection in held:
        await pool.release(connection)

    assert available
    assert await count(shared) == 1
    await shared.close()


async def test_while_all_connections_are_in_use_nothing_that_was_used_is_taken_again(
    instances: Callable[..., list[Services]], redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis, redis_outage="degraded")
    remembers_for_long(redis)
    times = {"issued_at": clock.time(), "expires_at": clock.time() + 60}
    for services in (one, other):
        await back(services.shared)
    clock.advance(2)
    assert await other.replays.first_use("x", **times)
    assert isinstance(one.shared._client, Redis)
    pool: Any = one.shared._client.connection_pool
    held = []
    with suppress(MaxConnectionsError):
        while True:
            held.append(await pool.get_connection())

    with pytest.raises(DatabaseUnavailable):
        await one.replays.first_use("x", **times)
    with pytest.raises(DatabaseUnavailable):
        await one.replays.first_use("y", **times)
    for connection in held:
        await pool.release(connection)

    assert not await one.replays.first_use("x", **times)
    assert await other.replays.first_use("y", **times)


async def test_a_look_that_fails_in_whatever_way_is_followed_by_another(
    redis: RedisServer,
) -> None:
    shared = shared_state(redis.url)
    looked: list[str] = []

    async def fails_at_first(_client: object, arrival: str) -> None:
        looked.append(arrival)
        if len(looked) == 1:
            raise LookupError

    shared.on_arrival(fails_at_first)
    shared.start()
    await until(lambda: not shared.status().available)
    reason = shared.status().reason
    await back(shared)
    await shared.close()

    assert (reason, looked) == ("LookupError", ["first", "again"])


async def test_who_listens_goes_on_whatever_is_thrown(redis: RedisServer) -> None:
    shared = shared_state(redis.url)
    shared.start()
    await hears_itself(shared)
    thrown = asyncio.Event()

    def throws(_rest: str) -> None:
        if not thrown.is_set():
            thrown.set()
            raise LookupError

    shared.news.on("bad", throws)
    await shared.news.tell("bad")
    await thrown.wait()

    await hears_itself(shared)
    await shared.close()


async def test_whatever_keeps_from_telling_harms_nobody(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = shared_state(redis.url)

    async def throws(*_arguments: Any) -> None:
        raise LookupError

    monkeypatch.setattr(shared._client, "execute_command", throws)
    await shared.news.tell("greeting")
    await shared.close()


async def test_a_connection_that_breaks_again_and_again_is_soon_replaced_each_time(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "LAST_PAUSE", 60.0)
    shared = shared_state(redis.url)
    shared.start()

    async with asyncio.timeout(PATIENCE):
        for _ in range(10):
            await shared.news.heard.wait()
            with redis.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            while shared.news.heard.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await shared.close()
