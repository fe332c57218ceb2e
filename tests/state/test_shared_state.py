"""What instances share, and what becomes of it while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Literal

import httpx
import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.identity.fakes import directory
from tests.orgs.people import signed_in
from tests.redis_server import Engine, RedisServer, redis_server
from tests.state.conftest import back, began, remembers_for_long
from tests.waiting import until
from tests.world import FakeClock, World, log_in
from vestibule.errors import DatabaseUnavailable
from vestibule.guard.shared import SharedTally
from vestibule.settings import Settings
from vestibule.state.flights import Away
from vestibule.state.scripts import Script
from vestibule.state.service import SharedState
from vestibule.wiring import Services, wire

pytestmark = pytest.mark.once

DIRECTORIES = "/api/v1/directories"
Instances = Callable[..., list[Services]]
TEXT = "return ARGV[1]"
ECHO = Script(TEXT, hashlib.sha1(TEXT.encode()).hexdigest(), "echo")


def state(
    url: str, *, outage: Literal["fail-closed", "degraded"] = "degraded", timeout: float = 2
) -> SharedState:
    return SharedState(url=SecretStr(url), timeout=timeout, outage=outage, clock=FakeClock())


async def login_status(services: Services) -> httpx.Response:
    async with make_client(services) as client:
        return await log_in(client, "alice", "wrong")


async def test_two_instances_count_together(instances: Instances, redis: RedisServer) -> None:
    one, other = instances(redis, limit_address="4/minute", failure_delays=False)
    await one.keys.ensure()
    await World(one).user("alice")

    answers = [await login_status(services) for services in (one, other, one, other, one, other)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429, 429]
    assert "Retry-After" in answers[-1].headers


async def test_delays_grow_over_both(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis)
    for services in (one, other):
        tally = services.guard._tally
        assert isinstance(tally, SharedTally)
        tally._now = clock.time
    await one.keys.ensure()
    await World(one).user("alice")

    causes = [await login_status(services) for services in (one, other, one, other, one, other)]

    assert [answer.status_code for answer in causes] == [401] * 5 + [429]


async def test_a_new_key_is_known_to_the_other_at_once(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis)
    await one.keys.ensure()
    async with asyncio.timeout(20):
        await other.shared.news.heard.wait()
    assert len(await other.keys.list()) == 1

    clock.advance(1)  # far less than after which it would look by itself
    key = await one.keys.rotate(now=True)

    async with asyncio.timeout(20):
        while (await other.keys.signer()).kid != key.kid:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_client_that_is_switched_off_is_known_to_the_other_at_once(
    instances: Instances, redis: RedisServer
) -> None:
    one, other = instances(redis)
    await World(one).client("portal")
    async with asyncio.timeout(20):
        await other.shared.news.heard.wait()
    assert await other.clients.find("portal")

    await one.clients.switch("portal", is_active=False)  # and no clock goes on

    async with asyncio.timeout(20):
        while await other.clients.find("portal"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_directory_that_is_changed_is_known_to_the_other_at_once(
    instances: Instances, redis: RedisServer
) -> None:
    one, other = instances(redis)
    await one.keys.ensure()
    world, known = World(one), other.registry
    await world.user("root", is_admin=True)
    assert (await known.current()).by_key == {}
    async with asyncio.timeout(20):
        await other.shared.news.heard.wait()

    async with make_client(one) as client:  # and no clock goes on
        root = await signed_in(client, world, "root")
        await client.post(DIRECTORIES, json=directory(name="Corp"), headers=root)
        await until(lambda: "corp" in known.latest.by_key)
        corp = f"{DIRECTORIES}/corp"
        await client.put(corp, json=directory(name="Other"), headers=root)
        await until(lambda: known.latest.by_key["corp"].configuration.name == "Other")
        await client.delete(corp, headers=root)
        await until(lambda: not known.latest.by_key)


def told_while_it_is_read(services: Services, tell: Callable[[str], None]) -> list[None]:
    """Tell of a change in the middle of the next read; one entry for each read from now on."""
    read, reads = services.database.read, list[None]()

    async def told_meanwhile(work: Any) -> Any:
        reads.append(None)
        result = await read(work)
        if len(reads) == 1:
            tell("")
        return result

    services.database.read = told_meanwhile  # type: ignore[method-assign]
    return reads


async def test_what_is_told_while_the_directories_are_read_has_them_read_again(
    services: Services,
) -> None:
    registry = services.registry
    await registry.reload()
    reads = told_while_it_is_read(services, registry._told)

    registry._told("")
    assert registry._reading is not None
    await registry._reading

    assert len(reads) == 2


async def test_what_is_told_while_the_keys_are_read_has_them_read_again(services: Services) -> None:
    keys = services.keys
    await keys.list()
    reads = told_while_it_is_read(services, keys._forget)

    keys._forget("")
    for _ in range(3):
        await keys.jwks()

    assert len(reads) == 2


async def test_while_it_is_away_logins_are_refused_in_the_envelope(
    instances: Instances, own_redis: RedisServer
) -> None:
    one, _ = instances(own_redis)
    await one.keys.ensure()
    await World(one).user("alice")
    assert (await login_status(one)).status_code == 401

    own_redis.stop()
    answer = await login_status(one)

    assert answer.status_code == 500
    assert answer.json()["type"] == "database_error"
    assert answer.headers["Retry-After"] == "5"
    assert one.shared.status().mode == "refusing"
    assert not one.shared.status().ready

    own_redis.start()
    await back(one.shared)
    assert (await login_status(one)).status_code == 401
    assert one.shared.status().outages == 1


async def test_degraded_each_counts_alone_until_it_is_back(
    instances: Instances, own_redis: RedisServer
) -> None:
    one, other = instances(
        own_redis, redis_outage="degraded", limit_address="2/minute", failure_delays=False
    )
    await one.keys.ensure()
    await World(one).user("alice")
    own_redis.stop()

    answers = [await login_status(s) for s in (one, one, one, other, other, other)]

    assert [answer.status_code for answer in answers] == [401, 401, 429, 401, 401, 429]
    assert one.shared.status().mode == "degraded"
    assert one.shared.status().ready
    own_redis.start()
    await back(one.shared)
    await back(other.shared)
    answers = [await login_status(s) for s in (one, other, one)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


@pytest.mark.parametrize("says_when", [True, False])
async def test_a_replay_is_found_by_the_other_instance_and_whatever_is_away(
    instances: Instances, own_redis: RedisServer, clock: FakeClock, says_when: bool
) -> None:
    one, other = instances(own_redis, redis_outage="degraded")
    remembers_for_long(own_redis)

    def times() -> dict[str, float]:
        made = {"issued_at": clock.time()} if says_when else {}
        return {"expires_at": clock.time() + 60, **made}

    used = {"before": times()}
    assert await one.replays.first_use("before", **used["before"])
    assert not await other.replays.first_use("before", **used["before"])
    own_redis.stop()
    assert not await other.replays.first_use("before", **used["before"])
    clock.advance(1)
    used["meanwhile"] = times()
    assert await other.replays.first_use("meanwhile", **used["meanwhile"])
    own_redis.start()
    await back(one.shared)
    await back(other.shared)

    for name, said in used.items():
        for services in (one, other):
            assert not await services.replays.first_use(name, **said), name


async def test_what_does_not_say_when_it_was_made_is_safe_from_what_redis_forgets(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis)
    remembers_for_long(redis)
    ends = clock.time() + 60
    assert await one.replays.first_use("assertion", expires_at=ends)

    with redis.client() as client:
        client.flushall()

    assert not await other.replays.first_use("assertion", expires_at=ends)


def forget_replays(server: RedisServer) -> None:
    with server.client() as client:
        for key in client.scan_iter("vestibule:{replays:*"):
            if not key.endswith(b":begun"):
                client.delete(key)


async def test_a_redis_that_has_remembered_for_long_is_asked_alone(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, _ = instances(redis)
    remembers_for_long(redis)

    times = {"issued_at": clock.time(), "expires_at": clock.time() + 60}
    assert await one.replays.first_use("x", **times)
    forget_replays(redis)

    # Whatever was only in Redis is forgotten with it: the database was not told.
    assert await one.replays.first_use("x", **times)


@pytest.mark.parametrize("outage", ["fail-closed", "degraded"])
async def test_what_redis_has_lost_can_not_be_used_again(
    instances: Instances, own_redis: RedisServer, clock: FakeClock, outage: str
) -> None:
    one, other = instances(own_redis, redis_outage=outage)
    remembers_for_long(own_redis)
    with own_redis.client() as client:
        client.save()  # it starts anew with this, as after a failover that lost the last writes
    made, ends = clock.time() - 5, clock.time() + 60
    assert await one.replays.first_use("before", issued_at=made, expires_at=ends)

    own_redis.stop()
    for services in (one, other):
        with contextlib.suppress(DatabaseUnavailable):
            assert not await services.replays.first_use("before", issued_at=made, expires_at=ends)
    own_redis.start()
    for services in (one, other):
        await back(services.shared)

    for services in (one, other):
        assert not await services.replays.first_use("before", issued_at=made, expires_at=ends)
    fresh = clock.time() + 1
    assert await one.replays.first_use("after", issued_at=fresh, expires_at=ends)
    assert not await other.replays.first_use("after", issued_at=fresh, expires_at=ends)


async def test_a_redis_that_was_emptied_takes_nothing_from_before(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, _ = instances(redis)
    remembers_for_long(redis)
    made, ends = clock.time() - 5, clock.time() + 60
    assert await one.replays.first_use("before", issued_at=made, expires_at=ends)

    with redis.client() as client:
        client.flushall()

    assert not await one.replays.first_use("before", issued_at=made, expires_at=ends)
    began(redis, seconds_ago=2)
    assert await one.replays.first_use("after", issued_at=clock.time() - 1, expires_at=ends)


async def test_what_was_made_in_the_second_in_which_redis_began_may_have_been_used_before(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis)
    remembers_for_long(redis)
    times = {"issued_at": clock.time(), "expires_at": clock.time() + 60}
    clock.advance(0.5)
    assert await one.replays.first_use("before", **times)

    with redis.client() as client:
        client.flushall()

    assert not await other.replays.first_use("before", **times)


async def test_what_was_made_by_a_clock_that_is_ahead_is_safe_from_what_redis_forgets(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, other = instances(redis)
    remembers_for_long(redis)
    times = {"issued_at": clock.time() + 30, "expires_at": clock.time() + 60}
    assert await one.replays.first_use("ahead", **times)

    with redis.client() as client:
        client.flushall()

    assert not await other.replays.first_use("ahead", **times)


async def test_what_one_took_whose_clock_is_ahead_is_remembered_for_the_others(
    instances: Instances, redis: RedisServer, clock: FakeClock
) -> None:
    one, _ = instances(redis)
    remembers_for_long(redis)
    now = time.time()
    clock.now = now + 55

    assert await one.replays.first_use("x", issued_at=now, expires_at=now + 60)

    with redis.client() as client:
        ends = [client.expiretime(key) for key in client.scan_iter("vestibule:{replays:*")]
    # As long as it may be used, and a minute more: another's clock may be behind.
    assert max(ends) == pytest.approx(now + 120, abs=2)


async def test_a_restart_that_nobody_noticed_is_noticed_by_what_is_used_once(
    instances: Instances, own_redis: RedisServer, settings: Settings, clock: FakeClock
) -> None:
    one, _ = instances(own_redis)
    remembers_for_long(own_redis)
    with own_redis.client() as client:
        client.save()
    times = {"issued_at": clock.time() - 5, "expires_at": clock.time() + 60}
    assert await one.replays.first_use("before", **times)

    own_redis.stop()
    own_redis.start()
    url = SecretStr(own_redis.url)
    late = wire(settings.model_copy(update={"redis_url": url}), clock=clock)

    assert not await late.replays.first_use("before", **times)
    assert late.shared.status().outages == 0
    await late.close()


async def test_what_was_found_away_during_the_first_look_is_told_that_it_is_back(
    redis: RedisServer,
) -> None:
    shared = state(redis.url)
    arrivals = []

    async def arrived(_client: object, arrival: str) -> None:
        arrivals.append(arrival)
        if arrival == "first":
            shared._lost(Away("ConnectionError"))

    shared.on_arrival(arrived)
    shared.start()
    await until(lambda: len(arrivals) > 1)
    await back(shared)
    await shared.close()

    assert arrivals == ["first", "again"]
    assert shared.status().outages == 1


async def test_one_that_says_nothing_costs_one_timeout_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shared = state(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        async with asyncio.timeout(5):
            for _ in range(200):
                with pytest.raises(Away):
                    await shared.run(ECHO, keys=(), arguments=("x",))
        await shared.close()

    assert shared.status().outages == 1


async def test_one_that_is_held_comes_back_when_it_goes_on(own_redis: RedisServer) -> None:
    shared = state(own_redis.url, outage="fail-closed", timeout=2)
    own_redis.stop(signal.SIGSTOP)
    with pytest.raises(DatabaseUnavailable):
        await shared.run(ECHO, keys=(), arguments=("x",))
    own_redis.stop(signal.SIGCONT)

    await back(shared)

    assert await shared.run(ECHO, keys=(), arguments=("x",)) == b"x"
    await shared.close()


async def test_scripts_are_sent_again_where_they_were_forgotten(redis: RedisServer) -> None:
    shared = state(redis.url)
    script = Script.load("vestibule.guard", "common.lua", "hit.lua")

    first = await shared.run(script, keys=("{a}",), arguments=("", 5, 60000))
    with redis.client() as client:
        client.script_flush()
    calls = [shared.run(script, keys=("{a}",), arguments=("", 5, 60000)) for _ in range(3)]
    counts = [count for count, _ in await asyncio.gather(*calls)]
    await shared.close()

    assert first[0] == 1
    assert sorted(counts) == [2, 3, 4]


async def test_a_full_one_is_as_good_as_away(engine: Engine) -> None:
    with redis_server(engine, maxmemory="1", maxmemory_policy="noeviction") as full:
        shared = state(full.url)
        script = Script.load("vestibule.guard", "common.lua", "hit.lua")
        with pytest.raises(Away) as refused:
            await shared.run(script, keys=("{a}",), arguments=("", 5, 60000))
        await shared.close()

    assert refused.value.reason in ("OOM", "OutOfMemoryError")


async def test_a_wrong_password_is_told_by_no_secret(engine: Engine) -> None:
    with redis_server(engine, requirepass="right-secret") as server:
        shared = state(server.url.replace("right-secret", "wrong-secret"))
        with pytest.raises(Away) as refused:
            await shared.run(ECHO, keys=(), arguments=("x",))
        told = f"{shared.status()} {shared.place} {refused.value!r}"
        await shared.close()
        good = state(server.url)
        assert await good.run(ECHO, keys=(), arguments=("x",)) == b"x"
        await good.close()

    assert "secret" not in told


async def test_a_device_that_asks_too_often_is_slowed_by_both(
    instances: Instances, redis: RedisServer
) -> None:
    one, other = instances(redis)
    for services in (one, other):
        services.devices._polling._now = services.clock.time
    await one.keys.ensure()
    async with make_client(one) as first, make_client(other) as second:
        started = (await first.post("/oauth2/device_authorization", data=CLIENT)).json()
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": started["device_code"],
            **CLIENT,
        }
        answers = [await c.post("/oauth2/token", data=form) for c in (first, second, first)]

    assert [a.json()["error"] for a in answers] == [
        "authorization_pending", "slow_down", "slow_down"
    ]  # fmt: skip
    with redis.client() as client:
        assert list(client.scan_iter("vestibule:{device:*"))


CLIENT = {"client_id": "vestibule"}
