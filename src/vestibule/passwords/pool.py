"""Hashing in a bounded pool: what can't be done before its deadline is refused at once.

A queue that only grows serves nobody: each waits longer, and most have gone before their turn.

Argon2 sweeps through megabytes, so whatever runs on a core after it finds the caches cold and
takes several times as long. While others wait for their turn anyway, results are therefore
handed back a few together: the event loop, the database and the clients are woken once for all
of them. Who comes while many wait goes in when results come out, for its own look-ups can wait as
long as its hash has to. Neither costs anything when few wait.

For the same reason hashes give way to everything else that wants a core. Whatever is woken for
a few hundred microseconds then ends before a hash takes the core, and its caches, back; and who
asks for something else in the middle of many logins is answered soon.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

from vestibule.clock import Clock
from vestibule.errors import RateLimited
from vestibule.metrics.service import Metrics
from vestibule.tracing.spans import NO_TRACING, Tracing

T = TypeVar("T")

WEIGHT = 0.1
"""Of the newest measurement in the moving average."""

FIRST_GUESS = 0.05
"""Seconds that a hash is thought to take before any was measured."""

MAX_BATCH = 16
"""Results handed back together at the most."""
WAITING_FOR_EACH = 2
"""Jobs that wait for each result of those handed back together: few waiting, none held."""
LONGEST_HELD = 0.3
"""Seconds for which the first one may wait for the others: of dear hashes, few or none are held."""

NICE = 10
"""By how much the threads are nicer than the rest (nice(2)): a tenth of what others get who want
the same core, and all of it where nobody does."""

HEADROOM = 0.65
"""How much of the deadline is given away: whoever is let in should not be refused late, and hashes
take longer than before while refusals take the cores."""


class HashPool:
    """As many threads as cores, and no more waiting than the deadline has room for."""

    def __init__(
        self,
        *,
        threads: int,
        deadline: float,
        clock: Clock,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """`deadline` in seconds, from the reservation to the answer."""
        self._deadline = deadline
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._tracing = tracing
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: deque[_Job] = deque()
        self._early: list[asyncio.Future[None]] = []
        """Who came while many waited."""
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"hash-{i}", daemon=True)
            for i in range(threads)
        ]
        self.pending = 0
        """Reservations that have not ended: running and waiting."""
        self.mean_seconds = FIRST_GUESS
        """Moving average of how long one job takes."""
        for thread in self._threads:
            thread.start()

    @property
    def threads(self) -> int:
        """How many hashes are computed at once."""
        return len(self._threads)

    @property
    def capacity(self) -> int:
        """How many fit before the deadline; always as many as there are threads."""
        threads = len(self._threads)
        return max(threads, int(HEADROOM * self._deadline * threads / self.mean_seconds))

    @property
    def is_full(self) -> bool:
        """Whether `reserve` would refuse."""
        return self.pending >= self.capacity

    def reserve(self) -> Reservation:
        """A place in the queue, to be used as a context manager.

        Raises `RateLimited` where its turn would come after the deadline.
        """
        if self.is_full:
            raise self.refusal()
        return Reservation(self)

    def close(self) -> None:
        """Let what was begun end; what comes later is refused."""
        self._closing = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    async def _run(self, since: float, work: Callable[[], T]) -> T:
        if self._closing:
            raise self.refusal()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        job = _Job(work, since, loop, answer)
        with self._tracing.step("hash") as span:
            self._jobs.put(job)
            try:
                return await answer
            finally:
                span.set("vestibule.hash.wait", job.waited)

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere it would be the whole process
            with suppress(OSError):  # forbidden to: then they are as nice as the rest
                os.nice(NICE)
        while (job := self._jobs.get()) is not None:
            if not job.answer.cancelled():  # otherwise the client has gone
                self._turn(job)
            self._done.append(job)
            # Whoever finds others waiting leaves it to them: the last one always wakes. What
            # waits when closing is no job but the word to stop, and that wakes nobody. Asked in
            # this order: a word to stop that was seen in the queue is known of right after.
            if self._jobs.empty() or self._closing or len(self._done) >= self._batch():
                job.loop.call_soon_threadsafe(self._hand_back)

    def _turn(self, job: _Job) -> None:
        began = self._clock.monotonic()
        job.waited = began - job.since
        if job.waited + self._time_to_answer() > self._deadline:
            job.error = self.refusal()
            return
        try:
            job.result = job.work()
        except BaseException as error:  # handed to the one who awaits it
            job.error = error
        else:
            spent = self._clock.monotonic() - began
            self.mean_seconds += WEIGHT * (spent - self.mean_seconds)
            self._metrics.hashed(waited=job.waited, took=spent, depth=self.pending)

    def _hand_back(self) -> None:
        while self._done:
            self._done.popleft().answered()
        early, self._early = self._early, []
        for one in early:
            if not one.done():
                one.set_result(None)

    async def _with_others(self) -> None:
        # More than the next results will be of: the threads have work until those in front of
        # the queue have been looked up.
        if self._jobs.qsize() > self._batch() + len(self._threads):
            let_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._early.append(let_in)
            await let_in

    def _batch(self) -> int:
        waiting = self.pending - len(self._threads)
        in_time = int(LONGEST_HELD * len(self._threads) / self.mean_seconds)
        return max(1, min(MAX_BATCH, (1 + waiting) // WAITING_FOR_EACH, in_time))

    def _time_to_answer(self) -> float:
        expected = self.mean_seconds * (1 + self._batch() / len(self._threads))
        # Whoever hardly waited has its turn however slow hashes seem: only a job that runs can
        # show that they no longer are, after one dear imported hash or a stopped machine.
        return min(expected, HEADROOM * self._deadline)

    def refusal(self) -> RateLimited:
        """What is told to whom there is no room for."""
        # Room for one is there after one job, but everybody who was refused waits for it.
        return RateLimited(
            "Too many sign-ins at the moment, try again shortly",
            cause="hash_queue",
            retry_after=self._deadline,
            policy="hashing",
            quota=self.capacity,
        )


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

    async def with_others(self) -> None:
        """Wait, where many wait already, for the moment at which results are handed back.

        Its turn comes no later for that: whoever is in front of it is served meanwhile.
        """
        await self._pool._with_others()

    def release(self) -> None:
        """Give the place back."""
        if self._held:
            self._held = False
            self._pool.pending -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _Job:
    __slots__ = ("answer", "error", "loop", "result", "since", "waited", "work")

    def __init__(
        self,
        work: Callable[[], Any],
        since: float,
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[Any],
    ) -> None:
        self.work = work
        self.since = since
        self.loop = loop
        self.answer = answer
        self.result: Any = None
        self.error: BaseException | None = None
        self.waited = 0.0
        """Seconds from the reservation to its turn, once that has come."""

    def answered(self) -> None:
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)
