"""One round of one service: its bare hash, its start, its logins and its health meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.load import Results, closed_loop, percentile, probe
from bench.measures import run
from bench.peers.client import Patient
from bench.peers.peer import USERS, Peer, Prepared, UnavailableError
from bench.peers.processes import await_status, bare_hash, cpu_seconds, family, memory, started

AT_ONCE = 64
WINDOWS = 2.0
"""How often the queue of clients is worked off, at least: else the slowest are not seen."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: seconds of load (at least), seconds of bare hash, rounds."""

    load: float
    bare: float
    rounds: int


FULL = Effort(load=6.0, bare=4.0, rounds=3)
QUICK = Effort(load=2.0, bare=0.5, rounds=1)


@dataclass(slots=True)
class Round:
    """What one round found: rates a second, times in milliseconds unless named otherwise."""

    logins: float
    bare: float
    share: float
    p50: float
    p99: float
    health_p50: float
    health_p99: float
    probes: int
    refused: int
    ready_seconds: float
    first_login_seconds: float
    memory_mb: float
    database_mb: float
    cpu_ms: float
    hash_cpu_ms: float
    client_cpu_ms: float

    @property
    def beside_ms(self) -> float:
        """Processor milliseconds of a login, of the service and its database, beside the hash."""
        return self.cpu_ms - self.hash_cpu_ms


def measure(peer: Peer, prepared: Prepared, folder: Path, effort: Effort) -> Round:
    """Start it, load it, end it; raises `UnavailableError` where it does not do its work."""
    before = bare_hash(prepared.verify, effort.bare)
    began = time.perf_counter()
    with started(prepared.serve, folder / "service.log") as process:
        await_status(process, prepared.port, peer.health, 200)
        ready = time.perf_counter() - began
        await_status(process, prepared.port, peer.login(0), peer.login_status)
        first_login = time.perf_counter() - began
        turn = itertools.count()
        request = users_in_turn(peer, turn)
        _run(_warm(prepared.port, request))
        database = [pid for helper in prepared.helpers for pid in family(helper)]
        pids = [*family(process.pid), *database]
        asked, cpu, client_cpu = next(turn), cpu_seconds(pids), time.process_time()
        seconds = max(effort.load, WINDOWS * AT_ONCE / before.rate)
        logins, probes = _run(_loaded(peer, prepared.port, request, seconds))
        client_cpu = time.process_time() - client_cpu
        cpu = cpu_seconds(pids) - cpu
        # One was taken to look at the count before, one is taken now.
        asked = next(turn) - asked - 1
        memory_mb, database_mb = memory(family(process.pid)), memory(database)
    after = bare_hash(prepared.verify, effort.bare)
    refused = sum(one.status != peer.login_status for one in logins.answers)
    served = max(1, asked - refused)
    latencies, health = logins.latencies(peer.login_status), probes.latencies()
    if not latencies or not health:
        raise UnavailableError("no login or no probe of its health succeeded under load")
    bare, rate = statistics.mean((before.rate, after.rate)), logins.rate(peer.login_status)
    return Round(
        logins=rate,
        bare=bare,
        share=rate / bare,
        p50=1000 * percentile(latencies, 0.5),
        p99=1000 * percentile(latencies, 0.99),
        health_p50=1000 * percentile(health, 0.5),
        health_p99=1000 * percentile(health, 0.99),
        probes=len(health),
        refused=refused,
        ready_seconds=ready,
        first_login_seconds=first_login,
        memory_mb=memory_mb,
        database_mb=database_mb,
        cpu_ms=1000 * cpu / served,
        hash_cpu_ms=statistics.mean((before.cpu_ms, after.cpu_ms)),
        client_cpu_ms=1000 * client_cpu / asked,
    )


T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return run(work)
    except (OSError, TimeoutError) as error:
        raise UnavailableError(f"under load: {error or type(error).__name__}") from error


def users_in_turn(peer: Peer, turn: Iterator[int]) -> Callable[[], bytes]:
    """Logins of the users, one after the other and again."""
    prepared = [peer.login(number) for number in range(USERS)]
    return lambda: prepared[next(turn) % USERS]


async def _warm(port: int, request: Callable[[], bytes]) -> None:
    """Each worker loads what it loads at its first request."""
    async with asyncio.timeout(120):
        await closed_loop(port, at_once=16, seconds=1.0, request=request, connect=Patient)


async def _loaded(
    peer: Peer, port: int, request: Callable[[], bytes], seconds: float
) -> tuple[Results, Results]:
    async with asyncio.timeout(120 + 3 * seconds):
        return await asyncio.gather(
            closed_loop(port, at_once=AT_ONCE, seconds=seconds, request=request, connect=Patient),
            probe(port, seconds=seconds, every=0.1, request=peer.health, connect=Patient),
        )
