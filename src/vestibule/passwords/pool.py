"""Hashing in a bounded pool: what can't be done before its deadline is refused at once.

A queue that only grows serves nobody: each waits longer, and most have gone before their turn.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from vestibule.clock import Clock
from vestibule.errors import RateLimited

T = TypeVar("T")

WEIGHT = 0.1
"""Of the newest measurement in the moving average."""

FIRST_GUESS = 0.05
"""Seconds that a hash is thought to take before any was measured."""

NICENESS = 5
"""How much the hashing threads give way to the event loop, so that refusals and health checks
stay quick under full load. Linux keeps it for each thread."""


class HashPool:
    """As many threads as cores, and no more waiting than the deadline has room for."""

    def __init__(self, *, threads: int, deadline: float, clock: Clock) -> None:
        """`deadline` in seconds, from the reservation to the answer."""
        self._threads = threads
        self._deadline = deadline
        self._clock = clock
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="hash", initializer=_give_way
        )
        self.pending = 0
        """Reservations that have not ended: running and waiting."""
        self.mean_seconds = FIRST_GUESS
        """Moving average of how long one job takes."""

    @property
    def capacity(self) -> int:
        """How many fit before the deadline; always as many as there are threads."""
        return max(self._threads, int(self._deadline * self._threads / self.mean_seconds))

    def reserve(self) -> Reservation:
        """A place in the queue, to be used as a context manager.

        Raises `RateLimited` where its turn would come after the deadline.
        """
        if self.pending >= self.capacity:
            raise self._full()
        return Reservation(self)

    def close(self) -> None:
        """Let what runs end, and what waits not begin."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _full(self) -> RateLimited:
        # Room for one is there after one job, but everybody who was refused waits for it.
        return RateLimited(
            "Too many sign-ins at the moment, try again shortly",
            cause="hash_queue",
            retry_after=self._deadline / 2,
            policy="hashing",
            quota=self.capacity,
        )

    async def _run(self, since: float, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def turn() -> None:
            if answer.cancelled():
                return  # the client has gone: nobody waits for this hash
            began = self._clock.monotonic()
            if began - since + self.mean_seconds > self._deadline:
                _deliver(loop, answer, error=self._full())
                return
            try:
                result = work()
            except BaseException as error:
                _deliver(loop, answer, error=error)
                return
            spent = self._clock.monotonic() - began
            self.mean_seconds += WEIGHT * (spent - self.mean_seconds)
            _deliver(loop, answer, result=result)

        self._executor.submit(turn)
        return await answer


class Reservation:
    """One place in the queue. It counts from the moment it is made, and its time runs."""

    def __init__(self, pool: HashPool) -> None:
        self._pool = pool
        self._since = pool._clock.monotonic()
        self._held = True
        pool.pending += 1

    async def run(self, work: Callable[[], T]) -> T:
        """Run in a thread of the pool and return what it returns.

        Raises `RateLimited` where its turn came too late.
        """
        return await self._pool._run(self._since, work)

    def release(self) -> None:
        """Give the place back."""
        if self._held:
            self._held = False
            self._pool.pending -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _deliver(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[T],
    *,
    result: T | None = None,
    error: BaseException | None = None,
) -> None:
    def deliver() -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    loop.call_soon_threadsafe(deliver)


def _give_way() -> None:
    os.nice(NICENESS)
