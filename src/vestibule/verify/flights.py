"""One question to the issuer for all who wait for its answer, be they threads or tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeVar

from vestibule.verify.clock import Clock

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds until a question is taken for lost, because its event loop ended, say."""


class Abandoned(Exception):
    """Who asked was stopped before an answer came."""


class Flight(Generic[T]):
    """A question under way. Who began it says how it ended; the others wait."""

    def __init__(self, *, started_at: float) -> None:
        self.started_at = started_at
        self._result: Future[T] = Future()
        # From here on no waiter that is cancelled can cancel it for the others.
        self._result.set_running_or_notify_cancel()

    def under_way(self, now: float) -> bool:
        """Whether it can still be waited for."""
        return now < self.started_at + PATIENCE

    def land(self, answer: T) -> None:
        """End with an answer."""
        self._result.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """End with what all waiters are to be raised."""
        # A leader that is cancelled must not cancel those who wait.
        self._result.set_exception(error if isinstance(error, Exception) else Abandoned())

    def wait(self) -> T:
        """The answer, for a thread. Raises what the leader met, or `TimeoutError`."""
        return self._result.result(timeout=PATIENCE)

    async def wait_async(self) -> T:
        """The answer, for a task. Raises what the leader met, or `TimeoutError`."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.wrap_future(self._result)


class Flights(Generic[T]):
    """The questions under way, by what they ask."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._flights: dict[object, Flight[T]] = {}

    def join(self, about: object) -> tuple[Flight[T], bool]:
        """The flight under way about this, or a new one; and whether the caller leads it."""
        now = self._clock.monotonic()
        with self._lock:
            flight = self._flights.get(about)
            if flight is not None and flight.under_way(now):
                return flight, False
            flight = self._flights[about] = Flight(started_at=now)
            return flight, True

    def end(self, about: object, flight: Flight[T]) -> None:
        """Forget a flight that its leader has ended."""
        with self._lock:
            if self._flights.get(about) is flight:
                del self._flights[about]


class Tasks:
    """What leads on an event loop: tasks of their own, because who began may be cancelled."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin, and hold on to it: the loop alone would let go."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Stop all of them that are on this loop."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._tasks if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
