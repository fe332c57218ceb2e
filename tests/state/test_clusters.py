"""A Cluster: what becomes of counts and news where its nodes go, move and come back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.ports import free_port
from tests.redis_server import ENGINES, Engine, RedisServer
from tests.state.conftest import back
from tests.state.topologies import (
    all_replicated,
    cluster_of,
    count,
    hears_itself,
    move,
    name_of,
    owner_of,
    shared_state,
    stands_a_crowd,
    start_elsewhere,
    url_of,
)
from tests.waiting import PATIENCE, until
from tests.world import FakeClock, World
from vestibule.cli.doctor_redis import examine_redis
from vestibule.errors import DatabaseUnavailable, RateLimited
from vestibule.settings import Settings
from vestibule.state import news
from vestibule.state.service import SharedState
from vestibule.wiring import Services, wire


@pytest.fixture(scope="module", params=ENGINES)
def cluster(request: pytest.FixtureRequest) -> Iterator[list[RedisServer]]:
    """Three primaries, for tests that leave them as they are."""
    with cluster_of(request.param) as servers:
        yield servers


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["lost", "silent"])
async def test_a_node_of_a_cluster_that_goes_takes_no_count_with_it(
    engine: Engine, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "SILENCE", 1.0)
    with cluster_of(engine, replicas=1) as servers:
        shared = shared_state(url_of(servers[0]), timeout=1)
        shared.start()
        counts = [await count(shared) for _ in range(2)]
        owner = owner_of("{a}", servers)
        all_replicated(owner)
        owner.stop(number)

        with pytest.raises(DatabaseUnavailable):
            await count(shared)
        async with asyncio.timeout(30):
            counts.append(await until_counted(shared))
        await hears_itself(shared)
        await shared.close()

    assert counts == [1, 2, 3]


async def test_who_listens_to_a_node_that_falls_silent_listens_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(news, "SILENCE", 0.5)
    with cluster_of("redis") as servers:
        shared = shared_state(url_of(servers[0]), timeout=0.5)
        shared.start()
        await shared.news.heard.wait()
        listened = next(server for server in servers if listeners(server))
        heard = asyncio.Event()
        shared.news.on("greeting", lambda rest: heard.set() if rest == "again" else None)
        listened.stop(signal.SIGSTOP)

        # Nobody asks for anything meanwhile, so that nobody looks whether the Cluster is there.
        with next(server for server in servers if server is not listened).client() as client:
            async with asyncio.timeout(PATIENCE):
                while not heard.is_set():
                    client.publish(news.CHANNEL, "greeting again")
                    await asyncio.sleep(0.1)
        await shared.close()


def listeners(server: RedisServer) -> int:
    """How many listen there."""
    with server.client() as client:
        ((_, number),) = client.pubsub_numsub(news.CHANNEL)
    return int(number)


async def until_counted(shared: SharedState) -> int:
    """What a count says once a replica has taken over."""
    while True:
        await back(shared)
        try:
            return await count(shared)
        except DatabaseUnavailable:
            continue


async def test_a_cluster_that_was_wholly_away_is_found_again(engine: Engine) -> None:
    with cluster_of(engine) as servers:
        known = shared_state(url_of(servers[0]), timeout=10)
        known.start()
        await hears_itself(known)
        for server in servers:
            server.stop()
        with pytest.raises(DatabaseUnavailable):
            await count(known)
        await known.news.tell("greeting", "to nobody")
        begun_without = shared_state(url_of(servers[0]), timeout=10)
        begun_without.start()
        await until(lambda: not begun_without.status().available)

        for server in servers:
            server.start()
        for shared in (known, begun_without):
            await back(shared)
            await hears_itself(shared)
        counts = [await count(shared) for shared in (known, begun_without)]
        for shared in (known, begun_without):
            await shared.close()

    assert counts == [1, 2]


async def test_a_cluster_that_has_moved_is_found_by_its_name() -> None:
    with cluster_of("redis") as servers:
        async with name_of(servers[0]) as name:
            shared = shared_state(url_of(name))
            shared.start()
            await hears_itself(shared)
            for server in servers:
                server.stop()
            with pytest.raises(DatabaseUnavailable):
                await count(shared)

            start_elsewhere(servers)
            await back(shared)
            await hears_itself(shared)
            counted = await count(shared)
            await shared.close()

    assert counted == 1


async def test_a_cluster_answers_a_crowd(cluster: list[RedisServer]) -> None:
    shared = shared_state(url_of(cluster[0]))
    shared.start()

    first = await asyncio.gather(*(count(shared) for _ in range(100)))
    await stands_a_crowd(shared)
    await shared.close()

    assert sorted(first) == list(range(1, 101))


async def test_keys_of_a_cluster_that_have_moved_are_counted_once(
    cluster: list[RedisServer],
) -> None:
    shared = shared_state(url_of(cluster[0]))
    await count(shared)
    keys = [f"{{moved{number}}}" for number in range(100)]
    move(keys, cluster)

    counts = await asyncio.gather(*(count(shared, key) for key in keys))
    available = shared.status().available
    await shared.close()

    assert counts == [1] * 100
    assert available


@pytest.mark.once
async def test_in_a_cluster_everything_is_counted_and_told(
    cluster: list[RedisServer], settings: Settings, clock: FakeClock
) -> None:
    url = SecretStr(url_of(cluster[0]))
    options = {"redis_url": url, "limit_address": "3/minute", "redis_timeout": 5.0}
    one, other = (wire(settings.model_copy(update=options), clock=clock) for _ in range(2))
    for services in (one, other):
        services.shared.start()
    await one.keys.ensure()
    user = await World(one).user("alice")

    statuses = [await _tried(services, user.id.hex) for services in (one, other, one, other)]
    for services in (one, other):
        await hears_itself(services.shared)
    ends = clock.time() + 60
    uses = [
        await s.replays.first_use("x", issued_at=clock.time(), expires_at=ends)
        for s in (one, other)
    ]
    for services in (one, other):
        assert services.shared.status().available
        await services.close()

    assert statuses == [True, True, True, False]
    assert uses == [True, False]


async def _tried(services: Services, account: str) -> bool:
    async def unknown() -> bool:
        return False

    try:
        async with services.guard.door("192.0.2.1") as door:
            await door.through("portal")
            admission = await services.guard.admit_account(
                account=account, network="192.0.2.1", is_known=unknown, door=door
            )
            await admission.failed()
    except RateLimited:
        return False
    return True


def test_the_doctor_looks_at_each_node_of_a_cluster(
    cluster: list[RedisServer], tmp_path: Path
) -> None:
    one = cluster[-1]
    with one.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "yes")
        found = {
            f.found: f.state for f in examine_redis(settings_for(url_of(cluster[0]), tmp_path))
        }
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "no")
    gone = settings_for(f"redis+cluster://127.0.0.1:{free_port()}", tmp_path)
    missing = list(examine_redis(gone))

    assert found["it drops counters when it is full (allkeys-lru)"] == "warning"
    assert found["it forgets counters when it restarts"] == "warning"
    assert [f.state for f in missing] == ["error"]


def settings_for(url: str, folder: Path) -> Settings:
    return Settings(data_dir=folder, redis_url=SecretStr(url), redis_timeout=1)
