"""One piece of work for many that wait for it, among threads and among tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Abandoned(Exception):
    """Who did the work was interrupted: it is for the next to do."""


class Flight(Generic[T]):
    """Among threads: the first does the work, the others get its result or its error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Future[T] | None = None

    def do(self, work: Callable[[], T], *, join: bool) -> T:
        """The result of the work under way where that may be joined, else of this, after it."""
        while True:
            with self._lock:
                current = self._current
                if current is None:
                    mine = self._current = Future()
            if current is None:
                return self._lead(mine, work)
            try:
                result = current.result()
            except _Abandoned:
                continue
            except Exception:
                if join:
                    raise
            else:
                if join:
                    return result

    def _lead(self, mine: Future[T], work: Callable[[], T]) -> T:
        try:
            result = work()
        except BaseException as error:
            self._land()
            mine.set_exception(error if isinstance(error, Exception) else _Abandoned())
            raise
        self._land()
        mine.set_result(result)
        return result

    def _land(self) -> None:
        with self._lock:
            self._current = None


class AsyncFlight(Generic[T]):
    """Among tasks: the work is a task of its own, which outlives a waiter that gives up."""

    def __init__(self) -> None:
        self._current: asyncio.Task[T] | None = None

    async def do(self, work: Callable[[], Coroutine[Any, Any, T]], *, join: bool) -> T:
        """The result of the work under way where that may be joined, else of this, after it."""
        while (current := self._current) is not None:
            if join:
                return await asyncio.shield(current)
            await asyncio.wait([current])
        mine = self._current = asyncio.get_running_loop().create_task(work())
        mine.add_done_callback(self._land)
        return await asyncio.shield(mine)

    def _land(self, task: asyncio.Task[T]) -> None:
        self._current = None
        if not task.cancelled():
            task.exception()  # looked at, even where every waiter has given up
