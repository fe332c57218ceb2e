"""Load that comes as it comes: by a schedule, whether or not the former ones were answered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from bench.load import Connection

PATIENCE = 10.0
"""Seconds after which somebody no longer waits."""
NO_ANSWER = 0
"""The status where no answer came: the connection broke, or patience ended."""
HALF_A_TICK = 0.0005
"""Seconds by which the loop's timers may ring early: they count in milliseconds."""


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


class Line(Connection):
    """Can tell of an answer by a call: a future for each would cost more than all the rest."""

    _told: Callable[[int], None] | None = None

    def ask_then(self, request: bytes, told: Callable[[int], None]) -> None:
        """Send; `told` gets the status of the answer, or `NO_ANSWER`."""
        self._told = told
        self._transport.write(request)

    def answered(self, head: bytes) -> None:
        """An answer is there whole, and begins with this head."""
        if self._told is None:
            super().answered(head)
        else:
            self._tell(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell(NO_ANSWER)

    def _tell(self, status: int) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(status)


class Pool:
    """Connections to one port; one that is not in use is used again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Line] = []
        self.opened = 0
        """How many there have been."""

    def idle(self) -> Line | None:
        """One that is open and not in use, which it is from now on."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
        return None

    async def open(self) -> Line:
        """A new one; raises OSError."""
        connection = Line(self._port)
        await connection.open()
        self.opened += 1
        return connection

    def give_back(self, connection: Line) -> None:
        """It is no longer in use."""
        self._idle.append(connection)

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        connection = self.idle() or await self.open()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self.give_back(connection)
        return answer.status

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
    return await _Asker([Pool(port) for port in ports], schedule, request, patience).all_asked()


class _Asker:
    """Asks without a task or a timer for each: what the load costs is taken from what it loads."""

    def __init__(
        self,
        pools: Sequence[Pool],
        schedule: Sequence[float],
        request: Callable[[], bytes],
        patience: float,
    ) -> None:
        self._pools = pools
        self._schedule = schedule
        self._request = request
        self._patience = patience
        self._outcomes: list[Outcome | None] = [None] * len(schedule)
        self._left = len(schedule)
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[float, int, Line]] = deque()
        """Until when which of them are waited for, in the order in which they were asked."""
        self._patience_ends: asyncio.TimerHandle | None = None

    async def all_asked(self) -> list[Outcome]:
        self._began = time.perf_counter()
        if self._left:
            self._ask_who_is_due()
            await self._done
        if self._patience_ends is not None:
            self._patience_ends.cancel()
        for pool in self._pools:
            pool.close()
        return [outcome for outcome in self._outcomes if outcome is not None]

    def _ask_who_is_due(self) -> None:
        try:
            self._ask_all_who_are_due()
        except BaseException as error:  # else nobody would hear of it
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _ask_all_who_are_due(self) -> None:
        while self._next < len(self._schedule):
            early = self._began + self._schedule[self._next] - time.perf_counter()
            if early > HALF_A_TICK:
                self._loop.call_later(early, self._ask_who_is_due)
                return
            self._ask(self._next)
            self._next += 1

    def _ask(self, index: int) -> None:
        pool = self._pools[index % len(self._pools)]
        until = self._loop.time() + self._patience
        connection = pool.idle()
        if connection is None:
            task = self._loop.create_task(self._open_and_send(pool, index, until))
            self._connecting.add(task)
            task.add_done_callback(self._opened)
        else:
            self._send(pool, connection, index, until)

    async def _open_and_send(self, pool: Pool, index: int, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                connection = await pool.open()
        except OSError:  # `TimeoutError` is one too
            self._note(index, NO_ANSWER)
        else:
            self._send(pool, connection, index, until)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)

    def _send(self, pool: Pool, connection: Line, index: int, until: float) -> None:
        if connection.lost:  # since it was opened
            self._note(index, NO_ANSWER)
            return
        connection.ask_then(self._request(), partial(self._answered, pool, connection, index))
        self._waiting.append((until, index, connection))
        if self._patience_ends is None:
            self._patience_ends = self._loop.call_at(until, self._end_patience)

    def _answered(self, pool: Pool, connection: Line, index: int, status: int) -> None:
        if status != NO_ANSWER:
            pool.give_back(connection)
        self._note(index, status)

    def _end_patience(self) -> None:
        self._patience_ends = None
        while self._waiting:
            until, index, connection = self._waiting[0]
            if self._outcomes[index] is None:
                if until > self._loop.time():
                    self._patience_ends = self._loop.call_at(until, self._end_patience)
                    return
                connection.close()  # as if the service had hung up
            self._waiting.popleft()

    def _note(self, index: int, status: int) -> None:
        due = self._schedule[index]
        self._outcomes[index] = Outcome(due, status, time.perf_counter() - self._began - due)
        self._left -= 1
        if not self._left and not self._done.done():
            self._done.set_result(None)


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
