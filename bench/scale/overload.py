"""Four times what it can do, for a minute: who is served, who is refused, and what comes after."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from bench import service
from bench.cpu import LOAD, Meters, between, strangers
from bench.load import Results, login_request, percentile, probe
from bench.measures import run
from bench.scale.deployment import USERS, deployed
from bench.scale.effort import Effort
from bench.scale.open_loop import (
    NO_ANSWER,
    Outcome,
    Pool,
    arrivals,
    goodput,
    latencies,
    open_loop,
)
from bench.scale.scaled import loaded, rate
from bench.tokens import SERVICE
from vestibule.settings import Settings

SECONDS = 60.0
TIMES = 4
AT_ONCE = 64
"""Clients with which the capacity is measured."""
CAPACITY_SECONDS = 10.0
QUIET = 30
"""Logins one after the other, before the load, which show how long one takes."""
NORMAL = 5
"""That many normal logins one after the other, and it is back."""
EVERY = 0.1
"""Seconds between two of them."""
LATE = 0.1
"""Seconds after which a refusal is not quick."""
GIVE_UP = 30.0
"""Seconds after which it counts as never back."""
GOODPUT_GOAL, BACK_GOAL = 0.9, 5.0


def overload(effort: Effort) -> Iterator[str]:
    """Capacity, the load, the way back, and the capacity again."""
    seconds, deadline = effort.seconds or SECONDS, Settings().hash_deadline
    with _target(effort.instances) as (ports, meters):
        request = _requests()
        normal = 2 * percentile(run(_quiet(ports, request)), 1)
        before = _capacity(ports, meters)
        schedule = arrivals(TIMES * before.logins, seconds, random=Random(0))
        used = meters.read()
        outcomes, health, back = run(_loaded(ports, schedule, request, seconds, normal))
        used = between(used, meters.read())
        after = _capacity(ports, meters)
    capacity = (before.logins + after.logins) / 2
    good = goodput(outcomes, seconds=seconds, deadline=deadline)
    admitted, refused = latencies(outcomes, 200), latencies(outcomes, 429)
    statuses = Counter(one.status for one in outcomes)
    others = {status: count for status, count in statuses.items() if status not in (200, 429)}
    healthy = health.latencies()
    yield f"| {TIMES} times the capacity for {seconds:.0f} s | | goal |"
    yield "|---|---|---|"
    yield f"| capacity, before and after | {before.logins:.1f} and {after.logins:.1f} logins/s | |"
    yield f"| offered | {len(schedule) / seconds:.1f} logins/s | |"
    yield f"| goodput | {good:.1f} logins/s | |"
    yield f"| goodput over the capacity before | {good / before.logins:.3f} | {GOODPUT_GOAL} |"
    yield f"| goodput over the mean capacity | {good / capacity:.3f} | {GOODPUT_GOAL} |"
    fair = good / capacity * share_left(before.load) / share_left(used[LOAD] / seconds)
    yield f"| the same without what the load generator took | {fair:.3f} | {GOODPUT_GOAL} |"
    yield f"| admitted, p50 | {1000 * percentile(admitted, 0.5):.0f} ms | |"
    slowest = 1000 * percentile(admitted, 0.99)
    yield f"| admitted, p99 | {slowest:.0f} ms | {1000 * deadline:.0f} ms |"
    yield f"| refused with 429 | {len(refused)} of {len(outcomes)} | |"
    yield f"| refused, p50 | {1000 * percentile(refused, 0.5):.1f} ms | |"
    yield f"| refused, p99 | {1000 * percentile(refused, 0.99):.1f} ms | quick |"
    yield f"| refused after {1000 * LATE:.0f} ms or more | {_late(refused)} | |"
    yield f"| neither nor | {_named(others)} | none |"
    yield f"| health meanwhile, p99 | {1000 * percentile(healthy, 0.99):.1f} ms | |"
    yield f"| {NORMAL} normal logins in a row after | {back:.2f} s | {BACK_GOAL:.0f} s |"
    yield ""
    yield f"- normal is a login within {1000 * normal:.0f} ms, twice the slowest of {QUIET} before"
    refusal = cost_of_refusal(
        used[SERVICE], admitted=len(admitted), refused=len(refused), login=before.each
    )
    yield (
        f"- service: {1000 * before.each:.2f} core-milliseconds a login when none is refused; "
        f"what it used above that is {1000 * refusal:.2f} for each refusal"
    )
    yield f"- load generator: {1000 * used[LOAD] / len(outcomes):.2f} core-milliseconds an arrival"
    yield f"- strangers used {strangers(used) / seconds:.2f} cores meanwhile"


def cost_of_refusal(used: float, *, admitted: int, refused: int, login: float) -> float:
    """Seconds of processor time: what the admitted logins don't account for.

    Whatever makes logins dearer under overload is in it too: it is what refusing costs the others.
    """
    return (used - admitted * login) / refused if refused else float("nan")


def share_left(cores: float) -> float:
    """The part of the machine that is left where somebody uses so many cores of it."""
    return 1 - cores / len(os.sched_getaffinity(0))


def _late(refused: list[float]) -> int:
    return sum(seconds >= LATE for seconds in refused)


def _named(others: dict[int, int]) -> str:
    return ", ".join(
        f"{count} {'without an answer' if status == NO_ANSWER else status}"
        for status, count in sorted(others.items())
    ) or "0"  # fmt: skip


@contextmanager
def _target(instances: int) -> Iterator[tuple[list[int], Meters]]:
    if instances > 1:
        with deployed(instances) as deployment:
            yield deployment.ports, deployment.meters
        return
    with service.running(user_count=USERS) as target:
        yield [target.port], Meters({SERVICE: [target.pid]})


def _requests() -> Callable[[], bytes]:
    prepared = [login_request(f"user{number}", service.PASSWORD) for number in range(USERS)]
    return itertools.cycle(prepared).__next__


async def _quiet(ports: Sequence[int], request: Callable[[], bytes]) -> list[float]:
    """Sorted seconds of logins one after the other, at the ports in turn."""
    pools = [Pool(port) for port in ports]
    taken = []
    for pool in itertools.islice(itertools.cycle(pools), QUIET + len(pools)):
        began = time.perf_counter()
        if (status := await pool.ask(request())) != 200:
            raise RuntimeError(f"a login was answered {status}")
        taken.append(time.perf_counter() - began)
    for pool in pools:
        pool.close()
    return sorted(taken[len(pools) :])  # the first at each one connects


@dataclass(frozen=True, slots=True)
class _Capacity:
    """Logins a second, the service's core-seconds of each, and the load generator's cores."""

    logins: float
    each: float
    load: float


def _capacity(ports: Sequence[int], meters: Meters) -> _Capacity:
    """What it can do while as many wait as keep it busy."""
    results, used = run(loaded(ports, meters, at_once=AT_ONCE, seconds=CAPACITY_SECONDS))
    logins = rate(results)
    return _Capacity(
        logins=logins,
        each=used[SERVICE] / (logins * CAPACITY_SECONDS),
        load=used[LOAD] / CAPACITY_SECONDS,
    )


async def _loaded(
    ports: Sequence[int],
    schedule: Sequence[float],
    request: Callable[[], bytes],
    seconds: float,
    normal: float,
) -> tuple[list[Outcome], Results, float]:
    """The load, the health meanwhile, and the seconds until it is back."""

    async def back() -> float:
        await asyncio.sleep(seconds)
        return await time_to_normal(ports, request, normal=normal)

    return await asyncio.gather(
        open_loop(ports, schedule, request=request),
        probe(ports[0], seconds=seconds, every=EVERY),
        back(),
    )


async def time_to_normal(
    ports: Sequence[int],
    request: Callable[[], bytes],
    *,
    normal: float,
    every: float = EVERY,
    give_up: float = GIVE_UP,
) -> float:
    """Seconds until so many logins in a row have been normal; infinite where they never are."""
    pools = itertools.cycle([Pool(port) for port in ports])
    began, streak = time.perf_counter(), 0
    for pool in pools:
        asked = time.perf_counter()
        if asked - began > give_up:
            break
        try:
            async with asyncio.timeout(give_up):
                status = await pool.ask(request())
        except OSError:
            status = NO_ANSWER
        answered = time.perf_counter()
        streak = streak + 1 if status == 200 and answered - asked <= normal else 0
        if streak == NORMAL:
            return answered - began
        await asyncio.sleep(max(0.0, asked + every - answered))
    return float("inf")
