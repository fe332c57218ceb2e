"""What is asked of PostgreSQL in one moment travels together, as calls to Redis do.

Asking costs more than finding: most of a look-up by key is spent on the way there and back. What
is asked in one turn of the event loop leaves as one, and while a few are under way the next wait
for one of them to come back, though not for long: what is stuck behind a lock holds up nobody but
those who go along. Whoever asks alone waits for nobody. Whoever asks gets an answer that was read
after the question: it never joins what has left.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from vestibule.errors import DatabaseUnavailable
from vestibule.storage.database import Work

K = TypeVar("K", contravariant=True)
V = TypeVar("V", covariant=True)

UNDER_WAY = 2
"""Units of one kind at once."""
PATIENCE = 0.1
"""Seconds for which the next wait for one that is under way."""

Run = Callable[[Work[Any]], Coroutine[Any, Any, Any]]


class Kind(Protocol[K, V]):
    """What can be asked once, or several times in one unit."""

    def one(self, connection: Connection, asked: K, /) -> V:
        """The answer."""
        ...

    def several(self, connection: Connection, asked: Sequence[K], /) -> Sequence[V]:
        """The answers, in the order of what was asked."""
        ...


class Gathering:
    """What waits to leave, by kind."""

    def __init__(self, run: Run, *, most: int) -> None:
        """`run` is the database's, and raises `DatabaseUnavailable` once its time is up.

        One unit holds `most` at the most.
        """
        self._run = run
        self._most = most
        self._lanes: dict[Kind[Any, Any], _Lane] = {}

    def ask(self, kind: Kind[K, V], asked: K) -> asyncio.Future[V]:
        """The answer to come, or what `run` raises."""
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = _Lane(self._run, kind, self._most)
        return lane.ask(asked)

    async def close(self) -> None:
        """Wait for what is under way."""
        for lane in list(self._lanes.values()):
            await lane.close()

    @property
    def waiting(self) -> int:
        """What has not left yet."""
        return sum(len(lane.waiting) for lane in self._lanes.values())


class _Lane:
    """One kind's."""

    def __init__(self, run: Run, kind: Kind[Any, Any], most: int) -> None:
        self._run = run
        self._kind = kind
        self._most = most
        # Nobody's: a unit must not speak in the name of the first who asked.
        self._context = contextvars.Context()
        self.waiting: deque[_Question] = deque()
        self._leaving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[asyncio.Task[None], asyncio.TimerHandle] = {}
        """Those that the next wait for, and until when."""

    def ask(self, asked: Any) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        question = _Question(asked, loop.create_future())
        self.waiting.append(question)
        if not self._leaving:
            self._leaving = True
            loop.call_soon(self._leave, context=self._context)
        return question.answer

    async def close(self) -> None:
        while self.waiting or self._tasks:
            if self._tasks:
                await asyncio.wait(self._tasks)
            await asyncio.sleep(0)

    def _leave(self) -> None:
        self._leaving = False
        while self.waiting and len(self._under_way) < UNDER_WAY:
            questions = [self.waiting.popleft() for _ in range(min(self._most, len(self.waiting)))]
            # Who has gone meanwhile needs no answer.
            questions = [question for question in questions if not question.answer.done()]
            if questions:
                task = self._start(questions)
                self._under_way[task] = asyncio.get_running_loop().call_later(
                    PATIENCE, self._back, task, context=self._context
                )

    def _start(self, questions: list[_Question]) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._go(questions), context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._back, context=self._context)
        return task

    def _back(self, task: asyncio.Task[None]) -> None:
        """It has come back, or takes so long that nobody waits for it any more."""
        late = self._under_way.pop(task, None)
        if late is not None:
            late.cancel()
        if task.done():
            self._tasks.discard(task)
        self._leave()

    async def _go(self, questions: list[_Question]) -> None:
        asked = [question.asked for question in questions]
        try:
            if len(asked) == 1:
                answers = [await self._run(lambda c: self._kind.one(c, asked[0]))]
            else:
                answers = await self._run(lambda c: self._kind.several(c, asked))
            for question, answer in zip(questions, answers, strict=True):
                question.tell(answer)
        except DatabaseUnavailable as error:
            for question in questions:
                question.lose(error)
        except asyncio.CancelledError as error:
            for question in questions:
                question.lose(error)
            raise
        except Exception as error:
            if len(questions) == 1:
                questions[0].fail(error)
                return
            # One of them can't be asked: the rest must not fail with it.
            for question in questions:
                if not question.answer.done():
                    self._start([question])


class _Question:
    __slots__ = ("answer", "asked")

    def __init__(self, asked: Any, answer: asyncio.Future[Any]) -> None:
        self.asked = asked
        self.answer = answer

    def tell(self, answer: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def lose(self, cause: BaseException) -> None:
        # Each has an error of its own: what is raised gathers what it has come through.
        error = DatabaseUnavailable()
        error.__cause__ = cause
        self.fail(error)
