"""Load that comes as it comes: by a schedule, whether or not the former ones were answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from bench.load import Connection

PATIENCE = 10.0
"""Seconds after which somebody no longer waits."""
NO_ANSWER = 0
"""The status where no answer came: the connection broke, or patience ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one arrival: when it was due, its status, how long after that it was answered.

    Seconds: `due` from the beginning of the load, `seconds` from `due` on, so that a client that
    falls behind its schedule makes the figures worse, not better.
    """

    due: float
    status: int
    seconds: float


def arrivals(rate: float, seconds: float, *, random: Random) -> list[float]:
    """When they come: so many a second on average, at random, independent of one another."""
    found: list[float] = []
    now = random.expovariate(rate)
    while now < seconds:
        found.append(now)
        now += random.expovariate(rate)
    return found


class Pool:
    """Connections to one port; one that is not in use is used again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self.opened = 0
        """How many there have been."""

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        connection = await self._take()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
        connection = Connection(self._port)
        await connection.open()
        self.opened += 1
        return connection

    def close(self) -> None:
        """Hang up where nothing is under way."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()


async def open_loop(
    ports: Sequence[int],
    schedule: Sequence[float],
    *,
    request: Callable[[], bytes],
    patience: float = PATIENCE,
) -> list[Outcome]:
    """Ask at each time of the schedule, at the ports in turn; returns when all have an outcome."""
    pools = [Pool(port) for port in ports]
    began = time.perf_counter()

    async def one(pool: Pool, due: float) -> Outcome:
        try:
            async with asyncio.timeout(patience):
                status = await pool.ask(request())
        except OSError:  # `TimeoutError` is one too
            status = NO_ANSWER
        return Outcome(due, status, time.perf_counter() - began - due)

    tasks = []
    for index, due in enumerate(schedule):
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(pools[index % len(pools)], due)))
    outcomes = await asyncio.gather(*tasks)
    for pool in pools:
        pool.close()
    return outcomes


def goodput(outcomes: Sequence[Outcome], *, seconds: float, deadline: float) -> float:
    """Answers 200 a second that came before their deadline and before the load ended."""
    good = (
        one
        for one in outcomes
        if one.status == 200 and one.seconds <= deadline and one.due + one.seconds <= seconds
    )
    return sum(1 for _ in good) / seconds


def latencies(outcomes: Sequence[Outcome], status: int) -> list[float]:
    """Sorted seconds of the answers of one status."""
    return sorted(one.seconds for one in outcomes if one.status == status)
