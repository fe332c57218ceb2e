"""Delays that grow, end, and never shut the owner out."""

from __future__ import annotations

import pytest

from tests.guard.conftest import MakeTally
from tests.world import FakeClock
from vestibule.errors import RateLimited
from vestibule.guard.backoff import ACCOUNT_LADDER, FORGET_AFTER, NETWORK_LADDER, Backoff
from vestibule.guard.tally import Outcome, Tally

HOME = "192.0.2.1"


@pytest.fixture
def tally(make_tally: MakeTally) -> Tally:
    return make_tally()


async def attempt(
    tally: Tally, outcome: Outcome | None, network: str = HOME, *, known: bool = False
) -> None:
    """One try that ends so, or never; raises `RateLimited`."""

    async def is_known() -> bool:
        return known

    begun = await tally.begin(account="alice", network=network, is_known=is_known)
    if outcome is not None:
        await begun.end(outcome)


async def fail(tally: Tally, network: str = HOME, *, known: bool = False) -> None:
    await attempt(tally, Outcome.FAILED, network, known=known)


async def delay_of(tally: Tally, network: str = HOME, *, known: bool = False) -> int:
    """Seconds to wait now; 0 where a try would pass (it is taken back)."""
    try:
        await attempt(tally, Outcome.ABANDONED, network, known=known)
    except RateLimited as error:
        return error.retry_after
    return 0


@pytest.mark.parametrize(("failures", "seconds"), NETWORK_LADDER)
async def test_each_step_of_one_networks_ladder(
    tally: Tally, clock: FakeClock, failures: int, seconds: int
) -> None:
    for _ in range(failures):
        clock.advance(900)
        await fail(tally, known=True)

    assert await delay_of(tally, known=True) == seconds
    clock.advance(seconds)
    assert await delay_of(tally, known=True) == 0


@pytest.mark.parametrize(("failures", "seconds"), ACCOUNT_LADDER)
async def test_each_step_of_the_ladder_of_all_strangers(
    tally: Tally, clock: FakeClock, failures: int, seconds: int
) -> None:
    for i in range(failures):
        clock.advance(30)
        await fail(tally, f"192.0.2.{i}")

    assert await delay_of(tally, "198.51.100.1") == seconds
    clock.advance(seconds)
    assert await delay_of(tally, "198.51.100.1") == 0


async def test_of_a_hundred_at_the_same_instant_only_the_first_few_pass(tally: Tally) -> None:
    passed = 0
    for _ in range(100):
        try:
            await attempt(tally, None)
        except RateLimited:
            continue
        passed += 1

    assert passed == NETWORK_LADDER[0][0]


async def test_a_refused_try_prolongs_nothing(tally: Tally, clock: FakeClock) -> None:
    for _ in range(5):
        await fail(tally)

    clock.advance(0.9)
    assert await delay_of(tally) == 1
    clock.advance(0.1)

    assert await delay_of(tally) == 0


async def test_strangers_without_end_never_stop_the_owner_at_home(
    tally: Tally, clock: FakeClock
) -> None:
    refused = 0
    for i in range(600):
        clock.advance(10)
        try:
            await fail(tally, f"network {i}")
        except RateLimited:
            refused += 1
        assert await delay_of(tally, "home", known=True) == 0

    assert refused > 300


async def test_an_owner_on_a_journey_waits_half_a_minute_at_most(
    tally: Tally, clock: FakeClock
) -> None:
    for i in range(300):
        clock.advance(30)
        await fail(tally, f"network {i}")

    assert await delay_of(tally, "hotel") == 30


async def test_success_forgets_the_networks_failures(tally: Tally) -> None:
    for _ in range(4):
        await fail(tally)

    await attempt(tally, Outcome.SUCCEEDED)
    for _ in range(4):
        await fail(tally)

    assert await delay_of(tally) == 0


async def test_failures_are_forgotten_after_an_hour(tally: Tally, clock: FakeClock) -> None:
    for _ in range(25):
        clock.advance(900)
        await fail(tally, known=True)

    clock.advance(FORGET_AFTER)
    await fail(tally, known=True)

    assert await delay_of(tally, known=True) == 0


async def test_abandoned_tries_do_not_count(tally: Tally) -> None:
    for _ in range(50):
        await attempt(tally, Outcome.ABANDONED)

    assert await delay_of(tally) == 0


async def test_an_abandoned_try_leaves_no_delay_behind(tally: Tally, clock: FakeClock) -> None:
    for _ in range(5):
        await fail(tally)
    clock.advance(1)

    await attempt(tally, Outcome.ABANDONED)

    assert await delay_of(tally) == 0


async def test_accounts_do_not_share(tally: Tally) -> None:
    for _ in range(5):
        await fail(tally)

    async def unasked() -> bool:
        raise AssertionError("asked")

    await tally.begin(account="bob", network=HOME, is_known=unasked)


def test_memory_is_bounded_and_the_oldest_goes_first(clock: FakeClock) -> None:
    backoff = Backoff(clock=clock, capacity=10)
    for i in range(1000):
        backoff.begin(account=f"account {i}", network="x", known=True)

    assert len(backoff._failures) == 10
    assert ("account 999", "x") in backoff._failures
