"""The bounded pool: full means no at once, late means no, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable

import pytest

from tests.world import FakeClock
from vestibule.errors import RateLimited
from vestibule.passwords.pool import FIRST_GUESS, HEADROOM, NICE, HashPool


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def hold(pool: HashPool, gate: threading.Event) -> asyncio.Future[bool]:
    """A job that has its turn, and keeps it until the gate opens."""
    begun = threading.Event()

    def work() -> bool:
        begun.set()
        return gate.wait()

    job = asyncio.ensure_future(pool.reserve().run(work))
    await asyncio.sleep(0)
    await asyncio.to_thread(begun.wait)
    return job


def run(pool: HashPool, work: Callable[[], bool]) -> asyncio.Future[bool]:
    return asyncio.ensure_future(pool.reserve().run(work))


async def test_what_would_come_too_late_is_refused_at_once(clock: FakeClock) -> None:
    pool = HashPool(threads=2, deadline=1.0, clock=clock)
    fits = int(HEADROOM * 1.0 * 2 / FIRST_GUESS)
    held = [pool.reserve() for _ in range(fits)]

    with pytest.raises(RateLimited) as refused:
        pool.reserve()

    assert refused.value.cause == "hash_queue"
    assert refused.value.headers["Retry-After"] == "1"
    assert refused.value.headers["RateLimit-Policy"] == f'"hashing";q={fits}'
    held[0].release()
    pool.reserve()


async def test_every_thread_can_work_however_slow_it_is(clock: FakeClock) -> None:
    pool = HashPool(threads=2, deadline=0.001, clock=clock)

    assert pool.capacity == 2


async def test_a_turn_that_comes_after_the_deadline_is_refused(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=1.0, clock=clock)
    gate, ran = threading.Event(), threading.Event()
    first = await hold(pool, gate)
    second = asyncio.ensure_future(pool.reserve().run(ran.set))
    await asyncio.sleep(0)

    clock.advance(2.0)
    gate.set()

    assert await first
    with pytest.raises(RateLimited):
        await second
    assert not ran.is_set()


async def test_a_job_whose_client_has_gone_is_not_run(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=1.0, clock=clock)
    gate, ran = threading.Event(), threading.Event()
    first = await hold(pool, gate)
    second = asyncio.ensure_future(pool.reserve().run(ran.set))
    await asyncio.sleep(0)

    second.cancel()
    await asyncio.sleep(0)
    gate.set()
    await first
    pool.close()

    assert second.cancelled()
    assert not ran.is_set()


async def test_an_exception_reaches_the_one_who_waits(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=1.0, clock=clock)

    with pytest.raises(ZeroDivisionError), pool.reserve() as reservation:
        await reservation.run(lambda: 1 // 0)

    assert pool.pending == 0
    with pool.reserve() as reservation:
        assert await reservation.run(lambda: "still works") == "still works"


async def test_many_at_once_all_get_their_own_result(clock: FakeClock) -> None:
    pool = HashPool(threads=2, deadline=60.0, clock=clock)

    async def one(i: int) -> int:
        with pool.reserve() as reservation:
            return await reservation.run(lambda: i * i)

    assert await asyncio.gather(*(one(i) for i in range(500))) == [i * i for i in range(500)]
    assert pool.pending == 0


async def test_the_mean_follows_what_jobs_take(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=60.0, clock=clock)
    before = pool.mean_seconds

    with pool.reserve() as reservation:
        await reservation.run(lambda: clock.advance(1.0))

    assert pool.mean_seconds == pytest.approx(before + 0.1 * (1.0 - before))


async def test_hashes_give_way_to_everything_else(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=60.0, clock=clock)

    with pool.reserve() as reservation:
        theirs = await reservation.run(lambda: os.nice(0))

    assert theirs == (min(19, os.nice(0) + NICE) if sys.platform == "linux" else os.nice(0))
    pool.close()


async def test_where_that_is_forbidden_they_work_as_well(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "nice", forbidden)
    pool = HashPool(threads=1, deadline=60.0, clock=clock)

    with pool.reserve() as reservation:
        assert await asyncio.wait_for(reservation.run(lambda: "works"), 20) == "works"
    pool.close()


@pytest.mark.parametrize(("others", "held"), [(1, False), (2, False), (3, True), (10, True)])
async def test_a_result_waits_for_others_only_while_several_have_no_thread(
    clock: FakeClock, others: int, held: bool
) -> None:
    pool = HashPool(threads=1, deadline=1000.0, clock=clock)
    pool.mean_seconds = 0.001
    before, begun, gate = threading.Event(), threading.Event(), threading.Event()
    busy = await hold(pool, before)

    def work() -> bool:
        begun.set()
        return gate.wait()

    second = run(pool, work)
    reserved = [pool.reserve() for _ in range(others - 1)]
    await asyncio.sleep(0)
    before.set()
    await asyncio.to_thread(begun.wait)
    await asyncio.sleep(0)

    assert busy.done() is not held
    gate.set()
    assert all(await asyncio.gather(busy, second))
    for reservation in reserved:
        reservation.release()
    pool.close()


async def test_who_comes_while_many_wait_goes_in_when_results_come_out(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=1000.0, clock=clock)
    pool.mean_seconds = 0.14  # two results at a time
    before, gate = threading.Event(), threading.Event()
    jobs = [await hold(pool, before)]
    await asyncio.wait_for(pool.reserve().with_others(), 20)  # there are few
    jobs.append(run(pool, lambda: True))
    jobs += [run(pool, gate.wait) for _ in range(4)]
    await asyncio.sleep(0)

    late = asyncio.ensure_future(pool.reserve().with_others())
    await asyncio.sleep(0)
    assert not late.done()
    before.set()

    await asyncio.wait_for(late, 20)
    assert [job.done() for job in jobs] == [True] * 2 + [False] * 4
    gate.set()
    assert all(await asyncio.gather(*jobs))
    pool.close()


async def test_who_has_gone_while_many_waited_holds_nobody_up(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=1000.0, clock=clock)
    gate = threading.Event()
    busy = await hold(pool, gate)
    jobs = [asyncio.ensure_future(pool.reserve().run(lambda: True)) for _ in range(30)]
    await asyncio.sleep(0)
    gone, stays = (asyncio.ensure_future(pool.reserve().with_others()) for _ in range(2))
    await asyncio.sleep(0)

    gone.cancel()
    gate.set()

    await asyncio.wait_for(stays, 20)
    assert gone.cancelled()
    await asyncio.gather(busy, *jobs)
    pool.close()


async def test_closing_lets_what_was_begun_end(clock: FakeClock) -> None:
    pool = HashPool(threads=1, deadline=60.0, clock=clock)
    job = asyncio.ensure_future(pool.reserve().run(lambda: "done"))
    await asyncio.sleep(0)

    pool.close()

    assert await job == "done"


@pytest.mark.parametrize(("seconds", "held"), [(0.001, True), (1.0, False)])
async def test_results_wait_for_others_only_while_hashes_are_cheap(
    clock: FakeClock, seconds: float, held: bool
) -> None:
    pool = HashPool(threads=1, deadline=1000.0, clock=clock)
    pool.mean_seconds = seconds
    before, gate = threading.Event(), threading.Event()
    busy = await hold(pool, before)
    first = asyncio.ensure_future(pool.reserve().run(lambda: True))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(hold(pool, gate))
    await asyncio.sleep(0)
    rest = [asyncio.ensure_future(pool.reserve().run(lambda: True)) for _ in range(20)]
    await asyncio.sleep(0)
    before.set()
    last = await second
    await asyncio.sleep(0)

    assert (busy.done(), first.done()) == (not held, not held)
    gate.set()
    assert all(await asyncio.gather(busy, first, last, *rest))
    pool.close()
