"""Two instances on PostgreSQL and Redis: logins, refreshes, introspections, and who pays."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator, Sequence

from bench import bare
from bench.cpu import LOAD, Meters, between, strangers
from bench.load import WARM_UP, Results, closed_loop, percentile
from bench.measures import run, users_in_turn
from bench.scale.deployment import DATABASE, REDIS, USERS, Deployment, deployed
from bench.scale.effort import Effort
from bench.tokens import (
    AT_ONCE,
    SERVICE,
    SESSIONS,
    create_client,
    introspecting,
    refreshing,
    sign_in,
    table,
    usernames,
)

ROUNDS = 7
SECONDS = 8.0
LOGINS_AT_ONCE = 64
PARTS = (SERVICE, DATABASE, REDIS, LOAD)
LOGIN_GOAL, REFRESH_GOAL, INTROSPECTION_GOAL = 0.93, 1000, 1800


async def loaded(
    ports: Sequence[int], meters: Meters, *, at_once: int, seconds: float
) -> tuple[list[Results], dict[str, float]]:
    """Logins at all ports at once, and the processor time of the parts in the same seconds."""
    request = users_in_turn(USERS)

    async def metered() -> dict[str, float]:
        await asyncio.sleep(WARM_UP)
        before = meters.read()
        await asyncio.sleep(seconds)
        return between(before, meters.read())

    clients = [
        closed_loop(port, at_once=at_once // len(ports), seconds=seconds, request=request)
        for port in ports
    ]
    used, results = await asyncio.gather(metered(), asyncio.gather(*clients))
    return results, used


def rate(results: Sequence[Results]) -> float:
    """Logins a second at all ports together; raises where one neither succeeded nor was refused."""
    if wrong := {a.status for one in results for a in one.answers} - {200, 429}:
        raise RuntimeError(f"logins were answered {sorted(wrong)}")
    return sum(one.rate() for one in results)


def scaled(effort: Effort) -> Iterator[str]:
    """Logins over the bare rate, and each part's processor time; then what follows a login."""
    rounds, seconds = effort.rounds or ROUNDS, effort.seconds or SECONDS
    with deployed(2) as deployment:
        yield from _logins(deployment, rounds, seconds)
        yield ""
        tokens, _ = run(sign_in(deployment.ports, usernames(SESSIONS)))
        yield from table(
            "refreshes",
            deployment.meters,
            REFRESH_GOAL,
            lambda: run(refreshing(deployment.ports, tokens[:AT_ONCE], seconds=seconds)),
            rounds=rounds,
        )
        yield ""
        authorization = create_client(deployment.environment)
        yield from table(
            "introspections",
            deployment.meters,
            INTROSPECTION_GOAL,
            lambda: run(introspecting(deployment.ports, tokens, authorization, seconds=seconds)),
            rounds=rounds,
        )


def _logins(deployment: Deployment, rounds: int, seconds: float) -> Iterator[str]:
    cores = len(os.sched_getaffinity(0))
    columns = [
        "round", "bare hashes/s", "logins/s", "ratio", "p50 ms", "p99 ms", "bare hash",
        *PARTS, "strangers", "idle",
    ]  # fmt: skip
    yield "From the bare hash on: core-milliseconds of a login. The service's contain the hash.\n"
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    ratios, costs, refused = [], [], 0
    meters = deployment.meters
    run(sign_in(deployment.ports, usernames(LOGINS_AT_ONCE)))  # the first ones connect
    before, _ = bare.measured(seconds / 2)
    for index in range(1, rounds + 1):
        results, used = run(
            loaded(deployment.ports, meters, at_once=LOGINS_AT_ONCE, seconds=seconds)
        )
        after, hash_seconds = bare.measured(seconds / 2)
        bare_rate, before = (before + after) / 2, after
        logins = rate(results)
        refused += sum(len(one.latencies(429)) for one in results)
        taken = sorted(t for one in results for t in one.latencies())
        each = {part: 1000 * used[part] / (logins * seconds) for part in PARTS}
        each["strangers"] = 1000 * strangers(used) / (logins * seconds)
        each["hash"] = 1000 * hash_seconds
        ratios.append(logins / bare_rate)
        costs.append(each)
        idle = 1000 * cores / logins - sum(each[part] for part in (*PARTS, "strangers"))
        cells = [
            f"{index}", f"{bare_rate:.1f}", f"{logins:.1f}", f"{ratios[-1]:.3f}",
            f"{1000 * percentile(taken, 0.5):.0f}", f"{1000 * percentile(taken, 0.99):.0f}",
            f"{each['hash']:.2f}", *(f"{each[part]:.2f}" for part in PARTS),
            f"{each['strangers']:.2f}", f"{idle:.2f}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield (
        f"- throughput at {LOGINS_AT_ONCE} at once over the bare rate: "
        f"median {statistics.median(ratios):.3f} (goal {LOGIN_GOAL})"
    )
    yield f"- refused for want of room: {refused}"
    beside = statistics.median(each[SERVICE] - each["hash"] for each in costs)
    parts = ", ".join(
        f"{part} {statistics.median(each[part] for each in costs):.2f}" for part in PARTS[1:]
    )
    yield f"- core-milliseconds a login beside the hash: {SERVICE} {beside:.2f}, {parts}"
