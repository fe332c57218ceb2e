"""What a second instance adds: one pinned to one core against two pinned to one core each.

The hash of a login fills a core, so the rate of logins shows what an instance is worth. Where
there are no more cores than instances, the database, Redis and the load generator take their time
from the second instance, but not from the first one, which leaves them a core. Three ratios tell
the same story with less and less of that in it; of refreshes and introspections, which use far more
of all the others, only the last one does.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench import bare
from bench.cpu import LOAD, pin, pinned, strangers
from bench.measures import run
from bench.scale.deployment import DATABASE, REDIS, Deployment, deployed
from bench.scale.effort import Effort
from bench.scale.scaled import loaded, rate
from bench.tokens import (
    create_client,
    introspecting,
    refreshing,
    sign_in,
    usernames,
)

ROUNDS = 7
SECONDS = 6.0
AT_ONCE = 24
"""For each instance."""
GOAL = 1.9
OTHERS = (DATABASE, REDIS, LOAD)

Asking = Coroutine[Any, Any, tuple[int, list[float]]]
"""Until so many were answered, each after its time."""


def corrected(one: float, two: float, *, used: float, cores: int = 2) -> float:
    """The ratio of the rates as it were if the others had not taken cores from two instances.

    `used`: cores that the others kept busy meanwhile, of the `cores` that there are. Whatever is
    left without them, the two share; one alone has its core to itself.
    """
    spare = cores - 2
    taken = max(0.0, used - spare)
    return two / one * 2 / (2 - taken)


def instances(effort: Effort) -> Iterator[str]:
    """One and two pinned instances in turn: logins beside the hash alone, then what follows one."""
    rounds, seconds = effort.rounds or ROUNDS, effort.seconds or SECONDS
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("two instances need two cores")
    first, second = cores[:2]
    with deployed(2, cores=[{first}, {second}]) as deployment:
        run(sign_in(deployment.ports, usernames(2 * AT_ONCE)))
        yield from _logins_doubled(deployment, cores, rounds, seconds)
        yield ""
        yield from _rest_doubled(deployment, first, rounds, seconds)


def _logins_doubled(
    deployment: Deployment, cores: Sequence[int], rounds: int, seconds: float
) -> Iterator[str]:
    first, second = cores[:2]
    yield "| round | bare hash, 2 cores to 1 | logins/s, 1 | logins/s, 2 | ratio | cores of others | of strangers | corrected | whole system on 1 core, logins/s | ratio |"  # noqa: E501
    yield "|---" * 10 + "|"
    hashes, raw, better, whole = [], [], [], []
    for index in range(1, rounds + 1):
        hashes.append(_bare(first, second, seconds / 3))
        one, _ = _logins(deployment, 1, seconds)
        two, used = _logins(deployment, 2, seconds)
        raw.append(two / one)
        others = sum(used[part] for part in OTHERS) / seconds
        better.append(corrected(one, two, used=others, cores=len(cores)))
        with _together(deployment, first):
            alone, _ = _logins(deployment, 1, seconds)
        whole.append(two / alone)
        yield (
            f"| {index} | {hashes[-1]:.3f} | {one:.1f} | {two:.1f} | {raw[-1]:.3f} "
            f"| {others:.3f} | {strangers(used) / seconds:.3f} | {better[-1]:.3f} "
            f"| {alone:.1f} | {whole[-1]:.3f} |"
        )
    yield ""
    yield f"- two instances over one: median {statistics.median(raw):.3f} (goal {GOAL})"
    yield (
        f"- the same without what others took from the two: median "
        f"{statistics.median(better):.3f} (goal {GOAL})"
    )
    yield (
        "- two instances and all that they need on two cores over one instance and all that it "
        f"needs on one: median {statistics.median(whole):.3f} (goal {GOAL})"
    )
    yield f"- the bare hash alone, on two cores over one: median {statistics.median(hashes):.3f}"


def _rest_doubled(deployment: Deployment, core: int, rounds: int, seconds: float) -> Iterator[str]:
    tokens, _ = run(sign_in(deployment.ports, usernames(2 * AT_ONCE)))
    authorization = create_client(deployment.environment)

    def refresh(count: int) -> Asking:
        return refreshing(deployment.ports[:count], tokens[: count * AT_ONCE], seconds=seconds)

    def introspect(count: int) -> Asking:
        return introspecting(
            deployment.ports[:count],
            tokens,
            authorization,
            seconds=seconds,
            at_once=count * AT_ONCE,
        )

    yield "| round | what | whole system on 1 core, a second | on 2 | ratio |"
    yield "|---|---|---|---|---|"
    ratios: dict[str, list[float]] = {"refreshes": [], "introspections": []}
    for index in range(1, rounds + 1):
        for name, ask in {"refreshes": refresh, "introspections": introspect}.items():
            with _together(deployment, core):
                alone = _rate(ask(1))
            both = _rate(ask(2))
            ratios[name].append(both / alone)
            yield f"| {index} | {name} | {alone:,.0f} | {both:,.0f} | {both / alone:.3f} |"
    yield ""
    for name, found in ratios.items():
        yield (
            f"- {name} of two instances and all that they need on two cores over one of each: "
            f"median {statistics.median(found):.3f} (goal {GOAL})"
        )


def _rate(asking: Asking) -> float:
    began = time.perf_counter()
    answered, _ = run(asking)
    return answered / (time.perf_counter() - began)


def _bare(first: int, second: int, seconds: float) -> float:
    with pinned({first}):
        one = bare.rate(seconds)
    with pinned({first, second}):
        return bare.rate(seconds) / one


def _logins(
    deployment: Deployment, count: int, seconds: float
) -> tuple[float, Mapping[str, float]]:
    results, used = run(
        loaded(
            deployment.ports[:count],
            deployment.meters,
            at_once=count * AT_ONCE,
            seconds=seconds,
        )
    )
    return rate(results), used


@contextmanager
def _together(deployment: Deployment, core: int) -> Iterator[None]:
    """PostgreSQL, Redis and the load generator are on this core alone, until the block ends."""
    everywhere = os.sched_getaffinity(0)
    _pin_others(deployment, {core})
    with pinned({core}):
        yield
    _pin_others(deployment, everywhere)


def _pin_others(deployment: Deployment, cores: set[int]) -> None:
    for root in (deployment.postgres_pid, deployment.redis_pid):
        pin(root, cores)
