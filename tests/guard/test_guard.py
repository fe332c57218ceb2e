"""Limits, TLS, client versions and networks."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from tests.guard.conftest import MakeTally
from tests.world import FakeClock
from vestibule.errors import RateLimited, UpgradeRequired
from vestibule.guard.limits import Limiter
from vestibule.guard.local import LocalTally
from vestibule.guard.service import Guard, RequireTls
from vestibule.guard.storage import BoundedMemoryStorage
from vestibule.guard.versions import check_version
from vestibule.http.networks import network_of


async def no() -> bool:
    return False


async def yes() -> bool:
    return True


async def enter(door: Guard, network: str) -> None:
    async with door.door(network):
        pass


async def test_a_limit_holds_until_its_window_ends_and_no_longer(
    make_tally: MakeTally, clock: FakeClock
) -> None:
    door = Guard(tally=make_tally(address="3/minute"), require_tls="remote")
    for _ in range(3):
        await enter(door, "192.0.2.1")
    clock.advance(15)

    for _ in range(10):
        with pytest.raises(RateLimited) as refused:
            await enter(door, "192.0.2.1")
    await enter(door, "192.0.2.2")

    assert refused.value.headers["Retry-After"] == "45"
    assert refused.value.headers["RateLimit"] == '"address";r=0;t=45'
    assert refused.value.headers["RateLimit-Policy"] == '"address";q=3;w=60'
    clock.advance(45)
    await enter(door, "192.0.2.1")


async def test_strangers_can_not_use_up_the_owners_limit(make_tally: MakeTally) -> None:
    door = Guard(tally=make_tally(account="2/minute"), require_tls="remote")
    for i in range(2):
        admission = await door.admit_account(account="alice", network=f"x{i}", is_known=no)
        await admission.failed()

    with pytest.raises(RateLimited):
        await door.admit_account(account="alice", network="x3", is_known=no)
    for _ in range(2):
        admission = await door.admit_account(account="alice", network="home", is_known=yes)
        await admission.succeeded()

    with pytest.raises(RateLimited):
        await door.admit_account(account="alice", network="home", is_known=yes)


async def test_whether_a_network_is_known_is_asked_only_where_it_matters(
    make_tally: MakeTally,
) -> None:
    async def unasked() -> bool:
        raise AssertionError("asked")

    door = Guard(tally=make_tally(), require_tls="remote")

    for _ in range(4):
        admission = await door.admit_account(account="alice", network="x", is_known=unasked)
        await admission.failed()


async def test_a_try_that_ends_in_an_exception_is_not_counted(make_tally: MakeTally) -> None:
    door = Guard(tally=make_tally(), require_tls="remote")

    for _ in range(50):
        with pytest.raises(ZeroDivisionError):
            async with await door.admit_account(account="alice", network="x", is_known=no):
                raise ZeroDivisionError


async def test_the_door_is_counted_with_the_account_and_where_none_is_named_alone(
    make_tally: MakeTally,
) -> None:
    guard = Guard(tally=make_tally(address="4/minute", client="4/minute"), require_tls="remote")
    for i in range(2):
        async with guard.door("192.0.2.1") as door:
            await door.through("portal")
            await guard.admit_account(account=f"a{i}", network="x", is_known=no, door=door)
        async with guard.door("192.0.2.1") as door:
            await door.through("portal")

    with pytest.raises(RateLimited) as by_address:
        await enter(guard, "192.0.2.1")
    with pytest.raises(RateLimited) as by_client:
        async with guard.door("192.0.2.2") as door:
            await door.through("portal")

    assert by_address.value.cause == "address_limit"
    assert by_client.value.cause == "client_limit"


async def test_the_limit_comes_before_what_else_would_be_told(make_tally: MakeTally) -> None:
    guard = Guard(tally=make_tally(address="1/minute"), require_tls="remote")
    await enter(guard, "192.0.2.1")

    with pytest.raises(RateLimited):
        async with guard.door("192.0.2.1"):
            raise ZeroDivisionError


async def test_a_right_user_code_is_no_guess(make_tally: MakeTally) -> None:
    guard = Guard(tally=make_tally(user_codes="2/hour"), require_tls="remote")
    user = UUID(int=7)
    for _ in range(5):
        await guard.admit_user_code(user_id=user, network="x")
        await guard.right_user_code(user_id=user, network="x")

    for _ in range(2):
        await guard.admit_user_code(user_id=user, network="x")
    with pytest.raises(RateLimited):
        await guard.admit_user_code(user_id=user, network="y")
    await guard.admit_user_code(user_id=UUID(int=8), network="y")


async def test_counters_are_bounded_and_the_oldest_goes_first(clock: FakeClock) -> None:
    storage = BoundedMemoryStorage(clock=clock, capacity=10)
    for i in range(1000):
        await storage.incr(f"key {i}", 60)

    assert await storage.get("key 999") == 1
    assert await storage.get("key 1") == 0
    assert await storage.reset() == 10


async def test_expired_counters_go_as_new_ones_come(clock: FakeClock) -> None:
    storage = BoundedMemoryStorage(clock=clock)
    for i in range(100):
        await storage.incr(f"old {i}", 60)
    clock.advance(60)

    for i in range(50):
        await storage.incr(f"new {i}", 60)

    assert await storage.reset() == 50


@pytest.mark.parametrize(
    ("policy", "scheme", "address", "passes"),
    [
        ("remote", "https", "192.0.2.1", True),
        ("remote", "http", "127.0.0.1", True),
        ("remote", "http", "127.9.9.9", True),
        ("remote", "http", "::1", True),
        ("remote", "http", "::ffff:127.0.0.1", True),
        ("remote", "http", "::ffff:192.0.2.1", False),
        ("remote", "http", "192.0.2.1", False),
        ("remote", "http", "unknown", False),
        ("always", "http", "127.0.0.1", False),
        ("always", "https", "192.0.2.1", True),
        ("never", "http", "192.0.2.1", True),
    ],
)
def test_credentials_in_the_clear(
    clock: FakeClock, policy: RequireTls, scheme: str, address: str, passes: bool
) -> None:
    limiter = Limiter(storage=BoundedMemoryStorage(clock=clock), clock=clock, rates={})
    door = Guard(tally=LocalTally(limiter=limiter, backoff=None), require_tls=policy)

    if passes:
        door.require_secure(scheme=scheme, address=address)
    else:
        with pytest.raises(UpgradeRequired):
            door.require_secure(scheme=scheme, address=address)


@pytest.mark.parametrize(
    ("user_agent", "header", "passes"),
    [
        ("tool/1.2.3", None, True),
        ("tool/1.2.2", None, False),
        ("TOOL/2.0 (x; y/9.9)", None, True),
        ("Mozilla/5.0 (a (b) c) tool/1.3", None, True),
        ("Mozilla/5.0 (X11) tool/1.1", None, False),
        ("other/9.0", None, True),
        ("(tool/9.9)", None, False),
        ("tool/0.1", "1.2.3", True),
        ("tool/9.9", "1.0", False),
        ("tool/1.2.3rc1", None, False),
        ("tool/banana", None, False),
        ("tool", None, False),
        ("", None, False),
        (None, None, False),
        (None, "", False),
        (None, "1.2.3", True),
        (None, "1" * 100_000, True),
        ("(" * 100_000, None, False),
        ("a/" * 100_000, None, False),
    ],
)
def test_client_versions(user_agent: str | None, header: str | None, passes: bool) -> None:
    def check() -> None:
        check_version(
            client_id="tool", minimum="1.2.3", user_agent=user_agent, x_client_version=header
        )

    if passes:
        check()
    else:
        with pytest.raises(UpgradeRequired) as refused:
            check()
        assert refused.value.headers["Upgrade"] == "tool/1.2.3"


def test_without_a_minimum_every_client_passes() -> None:
    check_version(client_id="tool", minimum=None, user_agent=None, x_client_version=None)


def test_the_upgrade_field_is_a_token_whatever_the_client_is_called() -> None:
    with pytest.raises(UpgradeRequired) as refused:
        check_version(client_id="a b/c,d", minimum="1", user_agent=None, x_client_version=None)

    assert re.fullmatch(r"[A-Za-z0-9.-]+/1", refused.value.headers["Upgrade"])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("nonsense", "unknown"),
        ("", "unknown"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network
