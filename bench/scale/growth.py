"""What a login, a refresh and an introspection cost among few and among very many users.

Each database is on the same server. They are measured in turn, each time with an instance that was
started anew: where the pieces of a process come to lie in memory makes it dearer or cheaper by
some percent for as long as it runs. The hash is the cheapest there is: at its normal price of
twenty milliseconds it would hide whatever the database costs.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench import bare, service
from bench.cpu import Meters, between
from bench.load import percentile
from bench.measures import rotated, run
from bench.scale import crowd, servers
from bench.scale.deployment import DATABASE, pid_of
from bench.scale.effort import Effort
from bench.service import Service
from bench.tokens import SERVICE, create_client, introspecting, refreshing, sign_in
from vestibule.settings import Settings

USERS = (10_000, 1_000_000, 10_000_000)
ROUNDS = 15
SECONDS = 2.0
LOGINS = 600
"""In each round, of users at random, no user twice."""
WARM_LOGINS, WARM_SECONDS = 200, 0.5
"""Of what comes before in each round, and is not counted."""
AT_ONCE = 2
KINDS = ("login", "refresh", "introspection")
GOAL = 1.1
CHEAP = {"VESTIBULE_ARGON2_MEMORY": "8", "VESTIBULE_ARGON2_TIME": "1"}

SECRET = "measured, and never seen by anybody else"
"""The same each time: a cluster that was kept holds keys that are encrypted with it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation: core-microseconds of the service and of PostgreSQL, milliseconds."""

    service: float
    database: float
    median: float

    @property
    def core(self) -> float:
        """Core-microseconds altogether."""
        return self.service + self.database


@dataclass(frozen=True, slots=True)
class Target:
    """A database of so many users, and how an instance on it is started and asked."""

    users: int
    url: str
    data: Path
    environment: dict[str, str]
    database: int
    authorization: str


def growth(effort: Effort) -> Iterator[str]:
    """The costs at each size, and how often those at the smallest they are."""
    sizes = effort.users or USERS
    rounds, seconds = effort.rounds or ROUNDS, effort.seconds or SECONDS
    costs: dict[int, dict[str, list[Cost]]] = {size: {kind: [] for kind in KINDS} for size in sizes}
    with ExitStack() as stack:
        targets = _targets(stack, sizes, effort.cluster)
        random = Random(0)
        for index in range(rounds):
            for target in rotated(targets, index):
                for kind, cost in _round(target, random, seconds).items():
                    costs[target.users][kind].append(cost)
    yield "| users | operation | service core-microseconds | PostgreSQL core-microseconds | median ms | cost to the smallest | median to the smallest |"  # noqa: E501
    yield "|---" * 7 + "|"
    worst = dict.fromkeys(KINDS, 0.0)
    hashing = 1e6 * bare.measured(seconds)[1]
    hashed = 0.0
    for size in sizes:
        for kind in KINDS:
            here, smallest = costs[size][kind], costs[sizes[0]][kind]
            core, median = ratios(here, smallest)
            worst[kind] = max(worst[kind], core)
            if kind == "login":
                hashed = max(hashed, ratios(_with(hashing, here), _with(hashing, smallest))[0])
            yield (
                f"| {size:,} | {kind} | {statistics.median(c.service for c in here):.0f} "
                f"| {statistics.median(c.database for c in here):.0f} "
                f"| {statistics.median(c.median for c in here):.2f} "
                f"| {core:.3f} | {median:.3f} |"
            )
    yield ""
    for kind in KINDS:
        yield f"- {kind}: at most {worst[kind]:.3f} times the cost among the fewest (goal {GOAL})"
    yield (
        f"- login with the {hashing:.0f} core-microseconds of a default hash added: at most "
        f"{hashed:.3f} times (goal {GOAL})"
    )


def ratios(here: Sequence[Cost], smallest: Sequence[Cost]) -> tuple[float, float]:
    """The medians of what each round's costs are to those of the same round at the smallest."""
    pairs = list(zip(here, smallest, strict=True))
    return (
        statistics.median(a.core / b.core for a, b in pairs),
        statistics.median(a.median / b.median for a, b in pairs),
    )


def _with(hashing: float, costs: Sequence[Cost]) -> list[Cost]:
    return [replace(cost, service=cost.service + hashing) for cost in costs]


def _targets(stack: ExitStack, sizes: Sequence[int], kept: Path | None) -> list[Target]:
    database = stack.enter_context(servers.postgres(kept))
    cheap = Settings(
        argon2_memory=int(CHEAP["VESTIBULE_ARGON2_MEMORY"]),
        argon2_time=int(CHEAP["VESTIBULE_ARGON2_TIME"]),
    )
    password_hash = service.hash_of_password(cheap)
    targets = []
    for size in sizes:
        url = crowd.ensure(database, f"growth_{size}", size, password_hash=password_hash)
        environment = {
            **CHEAP,
            "VESTIBULE_DATABASE_URL": url,
            "VESTIBULE_SECRET_KEY": SECRET,
        }
        data = Path(stack.enter_context(TemporaryDirectory()))
        authorization = create_client({**environment, "VESTIBULE_DATA_DIR": str(data)})
        targets.append(Target(size, url, data, environment, pid_of(database), authorization))
    return targets


def _round(target: Target, random: Random, seconds: float) -> dict[str, Cost]:
    with service.started(target.data, target.environment) as instance:
        meters = Meters({SERVICE: [instance.pid], DATABASE: [target.database]})
        numbers = random.sample(range(target.users), min(WARM_LOGINS + LOGINS, target.users))
        warm = len(numbers) * WARM_LOGINS // (WARM_LOGINS + LOGINS)
        _measure(target, instance, meters, numbers[:warm], WARM_SECONDS)
        return _measure(target, instance, meters, numbers[warm:], seconds)


def _measure(
    target: Target,
    instance: Service,
    meters: Meters,
    numbers: list[int],
    seconds: float,
) -> dict[str, Cost]:
    asyncio.run(crowd.warm(target.url, numbers))
    ports = [instance.port]
    before = meters.read()
    usernames = [f"user{number}" for number in numbers]
    tokens, signed_in = run(sign_in(ports, usernames, at_once=AT_ONCE))
    after_logins = meters.read()
    _, refreshes = run(refreshing(ports, tokens[:AT_ONCE], seconds=seconds))
    after_refreshes = meters.read()
    _, introspections = run(
        introspecting(ports, tokens, target.authorization, seconds=seconds, at_once=AT_ONCE)
    )
    after = meters.read()
    return {
        "login": _cost(before, after_logins, signed_in),
        "refresh": _cost(after_logins, after_refreshes, refreshes),
        "introspection": _cost(after_refreshes, after, introspections),
    }


def _cost(before: dict[str, float], after: dict[str, float], taken: list[float]) -> Cost:
    used = between(before, after)
    count = len(taken)
    return Cost(
        service=1e6 * used[SERVICE] / count,
        database=1e6 * used[DATABASE] / count,
        median=1000 * percentile(taken, 0.5),
    )
