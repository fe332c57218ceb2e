"""Four times what it can do, for a minute: who is served, who is refused, and what comes after."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from bench import service
from bench.cpu import LOAD, Meters, between, strangers
from bench.load import Results, percentile, probe
from bench.measures import run, users_in_turn
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

ROUNDS = 5
SECONDS = 60.0
TIMES = 4
AT_ONCE = 64
"""Clients with which the capacity is measured."""
CAPACITY_SECONDS = 20.0
"""And no longer than the load."""
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
COLUMNS = (
    "capacity before, after", "offered", "goodput", "over the capacity",
    "without the load generator", "admitted p50, p99", "refused p50, p99", "health p99",
    "back after s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capacity:
    """Logins a second, the service's core-seconds of each, and the load generator's cores."""

    logins: float
    each: float
    load: float


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one time of overload."""

    before: Capacity
    after: Capacity
    outcomes: list[Outcome]
    healthy: list[float]
    back: float
    used: dict[str, float]
    seconds: float
    deadline: float

    @property
    def capacity(self) -> float:
        """Logins a second that it can do, the mean of before and after."""
        return (self.before.logins + self.after.logins) / 2

    @property
    def goodput(self) -> float:
        """Logins a second that were served in time."""
        return goodput(self.outcomes, seconds=self.seconds, deadline=self.deadline)

    @property
    def fair(self) -> float:
        """The goodput over the capacity, if the load generator had used nothing in either."""
        left = share_left(self.before.load) / share_left(self.used[LOAD] / self.seconds)
        return left * self.goodput / self.capacity

    @property
    def refusal(self) -> float:
        """Core-seconds that a refusal costs."""
        return cost_of_refusal(
            self.used[SERVICE],
            admitted=round(self.goodput * self.seconds),
            refused=self.refused,
            login=(self.before.each + self.after.each) / 2,
        )

    @property
    def refused(self) -> int:
        """How many were."""
        return sum(one.status == 429 for one in self.outcomes)


def overload(effort: Effort) -> Iterator[str]:
    """In each round capacity, the load, the way back, and the capacity again."""
    seconds, count = effort.seconds or SECONDS, effort.rounds or ROUNDS
    with _target(effort.instances) as (ports, meters):
        rounds = [_round(ports, meters, seconds, seed) for seed in range(count)]
    yield from told(rounds)


def told(rounds: Sequence[Round]) -> Iterator[str]:
    """A row for each round, and what they show together."""
    seconds = rounds[0].seconds
    yield f"{TIMES} times the capacity for {seconds:.0f} s; times in ms\n"
    yield f"| round | {' | '.join(COLUMNS)} |"
    yield "|---" * (1 + len(COLUMNS)) + "|"
    for number, one in enumerate(rounds, 1):
        yield f"| {number} | {' | '.join(_cells(one))} |"
    yield ""
    over = statistics.median(one.goodput / one.capacity for one in rounds)
    fair = statistics.median(one.fair for one in rounds)
    yield f"- goodput over the mean capacity: median {over:.3f} (goal {GOODPUT_GOAL})"
    yield f"- the same without what the load generator took: median {fair:.3f}"
    slowest = max(percentile(latencies(one.outcomes, 200), 0.99) for one in rounds)
    yield f"- admitted, p99: at most {1000 * slowest:.0f} ms (goal {1000 * rounds[0].deadline:.0f})"
    late = sum(_late(latencies(one.outcomes, 429)) for one in rounds)
    refused = sum(one.refused for one in rounds)
    yield f"- refused after {1000 * LATE:.0f} ms or more: {late} of {refused}"
    yield f"- neither served nor refused: {_others(rounds)} (goal none)"
    back = max(one.back for one in rounds)
    yield f"- {NORMAL} normal logins in a row: {back:.2f} s after at most (goal {BACK_GOAL:.0f})"
    arrival = statistics.median(one.used[LOAD] / len(one.outcomes) for one in rounds)
    yield (
        f"- core-milliseconds: {1000 * statistics.median(one.refusal for one in rounds):.2f} "
        "for each refusal, of what the service used beside the logins that it served; "
        f"{1000 * arrival:.2f} of the load generator for each arrival"
    )
    strange = statistics.median(strangers(one.used) / seconds for one in rounds)
    yield f"- strangers used {strange:.2f} cores meanwhile"


def _cells(one: Round) -> list[str]:
    admitted, refused = latencies(one.outcomes, 200), latencies(one.outcomes, 429)
    return [
        f"{one.before.logins:.1f}, {one.after.logins:.1f}",
        f"{len(one.outcomes) / one.seconds:.1f}",
        f"{one.goodput:.1f}",
        f"{one.goodput / one.capacity:.3f}",
        f"{one.fair:.3f}",
        f"{1000 * percentile(admitted, 0.5):.0f}, {1000 * percentile(admitted, 0.99):.0f}",
        f"{1000 * percentile(refused, 0.5):.1f}, {1000 * percentile(refused, 0.99):.1f}",
        f"{1000 * percentile(one.healthy, 0.99):.1f}",
        f"{one.back:.2f}",
    ]


def _round(ports: Sequence[int], meters: Meters, seconds: float, seed: int) -> Round:
    request = users_in_turn(USERS)
    normal = 2 * percentile(run(_quiet(ports, request)), 1)
    before = _capacity(ports, meters, seconds)
    schedule = arrivals(TIMES * before.logins, seconds, random=Random(seed))
    outcomes, health, back, used = run(_loaded(ports, schedule, meters, request, seconds, normal))
    return Round(
        before=before,
        after=_capacity(ports, meters, seconds),
        outcomes=outcomes,
        healthy=health.latencies(),
        back=back,
        used=used,
        seconds=seconds,
        deadline=Settings().hash_deadline,
    )


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


def _others(rounds: Sequence[Round]) -> str:
    others = Counter(one.status for each in rounds for one in each.outcomes)
    del others[200], others[429]
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


def _capacity(ports: Sequence[int], meters: Meters, seconds: float) -> Capacity:
    """What it can do while as many wait as keep it busy."""
    seconds = min(CAPACITY_SECONDS, seconds)
    results, used = run(loaded(ports, meters, at_once=AT_ONCE, seconds=seconds))
    logins = rate(results)
    return Capacity(
        logins=logins, each=used[SERVICE] / (logins * seconds), load=used[LOAD] / seconds
    )


async def _loaded(
    ports: Sequence[int],
    schedule: Sequence[float],
    meters: Meters,
    request: Callable[[], bytes],
    seconds: float,
    normal: float,
) -> tuple[list[Outcome], Results, float, dict[str, float]]:
    """The load, the health and what was used meanwhile, and the seconds until it is back."""

    async def after() -> tuple[float, dict[str, float]]:
        before = meters.read()
        await asyncio.sleep(seconds)
        used = between(before, meters.read())
        return await time_to_normal(ports, request, normal=normal), used

    outcomes, health, (back, used) = await asyncio.gather(
        open_loop(ports, schedule, request=request),
        probe(ports[0], seconds=seconds, every=EVERY),
        after(),
    )
    return outcomes, health, back, used


async def time_to_normal(
    ports: Sequence[int],
    request: Callable[[], bytes],
    *,
    normal: float,
    every: float = EVERY,
    give_up: float = GIVE_UP,
) -> float:
    """Seconds until so many logins in a row have been normal; infinite where they never are."""
    pools = [Pool(port) for port in ports]
    began, streak = time.perf_counter(), 0
    for pool in itertools.cycle(pools):
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
            break
        await asyncio.sleep(max(0.0, asked + every - answered))
    for pool in pools:
        pool.close()
    return time.perf_counter() - began if streak == NORMAL else float("inf")
