"""The measurements. Each yields lines of Markdown as it goes.

Machines are shared and noisy, so what is compared is measured in turn, again and again in one
run, and the median of the ratios is what counts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from bench import bare, service
from bench.load import Connection, Results, closed_loop, login_request, percentile, probe
from vestibule.settings import Settings

T = TypeVar("T")

COMMAND = str(Path(sys.executable).parent / "vestibule")
ROUNDS = 7
SECONDS = 8.0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the fastest loop: the client shares the cores with what it measures."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def users_in_turn(count: int) -> Callable[[], bytes]:
    """Logins of user0, user1, … and again; made beforehand, so that asking costs little."""
    prepared = [login_request(f"user{number}", service.PASSWORD) for number in range(count)]
    return itertools.cycle(prepared).__next__


def rotated(items: list[T], by: int) -> list[T]:
    """The same, begun with another: whoever is measured first in one round is last in another."""
    first = by % len(items)
    return items[first:] + items[:first]


async def _loaded(port: int, at_once: int) -> tuple[Results, Results]:
    return await asyncio.gather(
        closed_loop(port, at_once=at_once, seconds=SECONDS, request=users_in_turn(1000)),
        probe(port, seconds=SECONDS, every=0.1),
    )


def logins() -> Iterator[str]:
    """(a) and (c): logins against the bare hash rate, and the health meanwhile."""
    cores = Settings().hash_threads
    yield "| round | bare hashes/s | logins/s | ratio | health p50 ms | health p99 ms |"
    yield "|---|---|---|---|---|---|"
    ratios, rest, health = [], [], []
    with service.running() as target:
        before = bare.rate(SECONDS / 2)
        for index in range(1, ROUNDS + 1):
            answers, probes = run(_loaded(target.port, 64))
            after = bare.rate(SECONDS / 2)
            bare_rate = (before + after) / 2
            before = after
            ratios.append(answers.rate() / bare_rate)
            rest.append(1000 * cores * (1 / answers.rate() - 1 / bare_rate))
            healthy = probes.latencies()
            health += healthy
            yield (
                f"| {index} | {bare_rate:.1f} | {answers.rate():.1f} | {ratios[-1]:.3f} "
                f"| {1000 * percentile(healthy, 0.5):.1f} "
                f"| {1000 * percentile(healthy, 0.99):.1f} |"
            )
    health.sort()
    yield ""
    yield f"- throughput at 64 at once over the bare rate: median {statistics.median(ratios):.3f}"
    yield f"- all that is not the hash: {statistics.median(rest):.2f} core-milliseconds a login"
    yield (
        f"- health meanwhile: p50 {1000 * percentile(health, 0.5):.1f} ms, "
        f"p99 {1000 * percentile(health, 0.99):.1f} ms of {len(health)}"
    )


def concurrency() -> Iterator[str]:
    """(b): how long a login takes, and how quickly what has no room is refused."""
    deadline = Settings().hash_deadline
    yield f"The deadline is {deadline:.1f} s.\n"
    yield "| at once | logins/s | p50 ms | p99 ms | max ms | refused | refused p99 ms | max ms |"
    yield "|---|---|---|---|---|---|---|---|"
    with service.running() as target:
        for at_once in (1, 8, 64, 256):
            answers, _ = run(_loaded(target.port, at_once))
            done, refused = answers.latencies(200), answers.latencies(429)
            cells = [at_once, f"{answers.rate():.1f}"]
            cells += [f"{1000 * percentile(done, share):.0f}" for share in (0.5, 0.99, 1)]
            cells += [len(refused)]
            cells += [
                f"{1000 * percentile(refused, share):.1f}" if refused else "-"
                for share in (0.99, 1)
            ]
            yield f"| {' | '.join(map(str, cells))} |"


def users() -> Iterator[str]:
    """(d): what a login costs with a thousand and with a million users."""
    with (
        tempfile.TemporaryDirectory() as few,
        tempfile.TemporaryDirectory() as many,
        service.running(user_count=1000, folder=Path(few)) as small,
        service.running(user_count=1_000_000, folder=Path(many)) as large,
    ):
        ratios, medians = [], {small.port: [], large.port: []}  # type: ignore[var-annotated]
        for _ in range(ROUNDS):
            for target, count in ((small, 1000), (large, 1_000_000)):
                # A step that visits users all over the table, not one after the other.
                numbers = ((i * 7919) % count for i in range(60))
                taken = run(_one_by_one(target.port, [f"user{n}" for n in numbers]))
                medians[target.port].append(statistics.median(taken))
            ratios.append(medians[large.port][-1] / medians[small.port][-1])
    yield "| users | median login ms |"
    yield "|---|---|"
    yield f"| 1,000 | {1000 * statistics.median(medians[small.port]):.2f} |"
    yield f"| 1,000,000 | {1000 * statistics.median(medians[large.port]):.2f} |"
    yield ""
    yield f"- a million users cost {statistics.median(ratios):.3f} times a thousand"


async def _one_by_one(port: int, usernames: list[str]) -> list[float]:
    connection = Connection(port)
    await connection.open()
    taken = []
    for username in usernames:
        answer = await connection.ask(login_request(username, service.PASSWORD))
        if answer.status != 200:
            raise RuntimeError(f"{username} was answered {answer.status}")
        taken.append(answer.seconds)
    connection.close()
    return taken


def timing() -> Iterator[str]:
    """(e): an unknown user against a wrong password, in turn."""
    with service.running() as target:
        known, unknown = run(_in_turn(target.port, tries=2000))
    ratio = statistics.median(unknown) / statistics.median(known)
    yield "| 2,000 tries each | median ms |"
    yield "|---|---|"
    yield f"| wrong password | {1000 * statistics.median(known):.3f} |"
    yield f"| unknown user | {1000 * statistics.median(unknown):.3f} |"
    yield ""
    yield f"- they differ by {100 * abs(ratio - 1):.2f} %"


async def _in_turn(port: int, *, tries: int) -> tuple[list[float], list[float]]:
    connection = Connection(port)
    await connection.open()
    taken: tuple[list[float], list[float]] = ([], [])
    for i in range(tries):
        # Which of the two comes first changes too.
        for unknown in (i % 2, 1 - i % 2):
            name = f"nobody{i}" if unknown else f"user{i % 1000}"
            answer = await connection.ask(login_request(name, "wrong"))
            taken[unknown].append(answer.seconds)
    connection.close()
    return taken


def start() -> Iterator[str]:
    """(f): from the command to the first answer, and the memory at rest."""
    with tempfile.TemporaryDirectory() as folder:
        service.populate(Path(folder), 1000)
        taken, memory = [], []
        for _ in range(ROUNDS + 1):
            with service.started(Path(folder)) as target:
                taken.append(target.ready_seconds)
                memory.append(target.memory())
    # The first start makes the signing key.
    yield f"- ready in {statistics.median(taken[1:]):.2f} s (median of {ROUNDS} starts)"
    yield f"- {statistics.median(memory[1:]):.0f} MB resident at rest"


def import_users() -> Iterator[str]:
    """How long 100,000 users with hashes take."""
    count = 100_000
    encoded = (
        "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "users.jsonl"
        with file.open("w") as out:
            for i in range(count):
                row = {
                    "username": f"user{i}",
                    "email_address": f"user{i}@example.org",
                    "password_hash": encoded,
                }
                out.write(json.dumps(row) + "\n")
        command = [COMMAND, "user", "import", str(file)]
        environment = {**os.environ, "VESTIBULE_DATA_DIR": str(Path(folder) / "data")}
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - began
    yield f"- {done.stdout.strip()}: {seconds:.1f} s, {count / seconds:,.0f} a second"
