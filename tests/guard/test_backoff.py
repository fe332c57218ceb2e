"""Delays that grow, end, and never shut the owner out."""

from __future__ import annotations

import pytest

from tests.world import FakeClock
from vestibule.errors import RateLimited
from vestibule.guard.backoff import ACCOUNT_LADDER, FORGET_AFTER, NETWORK_LADDER, Backoff


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backoff(clock: FakeClock) -> Backoff:
    return Backoff(clock=clock)


def fail(backoff: Backoff, network: str = "192.0.2.1", *, known: bool = False) -> None:
    backoff.begin(account="alice", network=network, known=known)


def delay_of(backoff: Backoff, network: str = "192.0.2.1", *, known: bool = False) -> int:
    """Seconds to wait now; 0 where a try would pass (it is taken back)."""
    try:
        backoff.begin(account="alice", network=network, known=known)
    except RateLimited as error:
        return error.retry_after
    backoff.abandoned(account="alice", network=network, known=known)
    return 0


@pytest.mark.parametrize(("failures", "seconds"), NETWORK_LADDER)
def test_each_step_of_one_networks_ladder(
    backoff: Backoff, clock: FakeClock, failures: int, seconds: int
) -> None:
    for _ in range(failures):
        clock.advance(900)
        fail(backoff, known=True)

    assert delay_of(backoff, known=True) == seconds
    clock.advance(seconds)
    assert delay_of(backoff, known=True) == 0


@pytest.mark.parametrize(("failures", "seconds"), ACCOUNT_LADDER)
def test_each_step_of_the_ladder_of_all_strangers(
    backoff: Backoff, clock: FakeClock, failures: int, seconds: int
) -> None:
    for i in range(failures):
        clock.advance(30)
        fail(backoff, f"192.0.2.{i}")

    assert delay_of(backoff, "198.51.100.1") == seconds
    clock.advance(seconds)
    assert delay_of(backoff, "198.51.100.1") == 0


def test_of_a_hundred_at_the_same_instant_only_the_first_few_pass(backoff: Backoff) -> None:
    passed = 0
    for _ in range(100):
        try:
            fail(backoff)
        except RateLimited:
            continue
        passed += 1

    assert passed == NETWORK_LADDER[0][0]


def test_a_refused_try_prolongs_nothing(backoff: Backoff, clock: FakeClock) -> None:
    for _ in range(5):
        fail(backoff)

    clock.advance(0.9)
    assert delay_of(backoff) == 1
    clock.advance(0.1)

    assert delay_of(backoff) == 0


def test_strangers_without_end_never_stop_the_owner_at_home(
    backoff: Backoff, clock: FakeClock
) -> None:
    for i in range(3000):
        clock.advance(10)
        if backoff.depends_on_known(account="alice", network="home"):
            assert delay_of(backoff, "home", known=True) == 0
        else:
            fail(backoff, f"network {i}")


def test_an_owner_on_a_journey_waits_half_a_minute_at_most(
    backoff: Backoff, clock: FakeClock
) -> None:
    for i in range(500):
        clock.advance(30)
        fail(backoff, f"network {i}")

    assert delay_of(backoff, "hotel") == 30


def test_success_forgets_the_networks_failures(backoff: Backoff) -> None:
    for _ in range(4):
        fail(backoff)

    backoff.succeeded(account="alice", network="192.0.2.1", known=False)
    for _ in range(4):
        fail(backoff)

    assert delay_of(backoff) == 0


def test_failures_are_forgotten_after_an_hour(backoff: Backoff, clock: FakeClock) -> None:
    for _ in range(25):
        clock.advance(900)
        fail(backoff, known=True)

    clock.advance(FORGET_AFTER)
    fail(backoff, known=True)

    assert delay_of(backoff, known=True) == 0


def test_abandoned_tries_do_not_count(backoff: Backoff) -> None:
    for _ in range(50):
        fail(backoff)
        backoff.abandoned(account="alice", network="192.0.2.1", known=False)

    assert delay_of(backoff) == 0


def test_accounts_do_not_share(backoff: Backoff) -> None:
    for _ in range(5):
        fail(backoff)

    backoff.begin(account="bob", network="192.0.2.1", known=False)


def test_memory_is_bounded_and_the_oldest_goes_first(clock: FakeClock) -> None:
    backoff = Backoff(clock=clock, capacity=10)
    for i in range(1000):
        backoff.begin(account=f"account {i}", network="x", known=True)

    assert len(backoff._failures) == 10
    assert ("account 999", "x") in backoff._failures
