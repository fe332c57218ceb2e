"""Calls to Redis: those of one moment travel together.

Sending and receiving costs more than the scripts do. Calls made in one turn of the event loop
leave as one pipeline, and while a few are under way the next wait for one to land, as units of
the database share a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    MaxConnectionsError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from vestibule.state.scripts import Script

MAX_FLIGHTS = 4
MAX_CALLS = 128
"""In one pipeline."""
MAX_ALONE = 8
"""Calls that travel alone at the same moment, as all do in a Cluster: each takes a connection."""

AWAY: tuple[type[Exception], ...] = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What is raised where Redis is away; that no node of a Cluster answers is no `RedisError`."""

Argument = str | int


class Away(Exception):
    """Redis did not answer in time, or not with what it was asked for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Call:
    script: Script
    keys: tuple[str, ...]
    arguments: tuple[Argument, ...]
    deadline: float
    answer: asyncio.Future[Any]

    def command(self, *, whole: bool = False) -> tuple[Argument, ...]:
        head = ("EVAL", self.script.text) if whole else ("EVALSHA", self.script.sha)
        return (*head, len(self.keys), *self.keys, *self.arguments)


class Flights:
    """The way to one Redis."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        timeout: float,
        failed: Callable[[Away], None],
    ) -> None:
        """`timeout` in seconds from call to answer; `failed` is told of what is lost."""
        self._client = client
        self._timeout = timeout
        self._failed = failed
        self._alone = asyncio.Semaphore(MAX_ALONE)
        self._waiting: list[_Call] = []
        self._leaving = False
        self._under_way: set[asyncio.Task[None]] = set()

    async def call(
        self, script: Script, *, keys: tuple[str, ...], arguments: tuple[Argument, ...]
    ) -> Any:
        """What the script returns. Raises `Away` after the timeout at the latest."""
        loop = asyncio.get_running_loop()
        call = _Call(script, keys, arguments, loop.time() + self._timeout, loop.create_future())
        self._waiting.append(call)
        if not self._leaving:
            self._leaving = True
            loop.call_soon(self._leave)
        return await call.answer

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._waiting or self._under_way:
            await asyncio.gather(*self._under_way)
            await asyncio.sleep(0)

    def _leave(self) -> None:
        self._leaving = False
        while self._waiting and len(self._under_way) < MAX_FLIGHTS:
            calls, self._waiting = self._waiting[:MAX_CALLS], self._waiting[MAX_CALLS:]
            task = asyncio.get_running_loop().create_task(self._fly(calls))
            self._under_way.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._leave()

    async def _fly(self, calls: list[_Call]) -> None:
        try:
            async with asyncio.timeout_at(calls[0].deadline):
                answers = await self._execute(calls)
        except AWAY as error:
            self._lose(calls, error)
            return
        except BaseException as error:
            for call in calls:
                if not call.answer.done():
                    call.answer.set_exception(
                        error if isinstance(error, Exception) else Away("ended")
                    )
            raise
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                self._lose([call], answer)
            elif not call.answer.done():  # the request was cancelled meanwhile
                call.answer.set_result(answer)

    def _lose(self, calls: Sequence[_Call], error: Exception) -> None:
        """What waits behind a lost flight is lost with it: it would only wait as long again."""
        lost, waiting = away(error), list[_Call]()
        if not isinstance(error, MaxConnectionsError):  # that is about us, and not about Redis
            self._failed(lost)
            waiting, self._waiting = self._waiting, waiting
        for call in (*calls, *waiting):
            if not call.answer.done():
                call.answer.set_exception(lost)

    async def _execute(self, calls: list[_Call]) -> list[Any]:
        if isinstance(self._client, RedisCluster):
            # Each may go to another node, and all to the same.
            return await asyncio.gather(*map(self._one, calls), return_exceptions=True)
        if len(calls) == 1:
            return [await self._one(calls[0])]
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*call.command())
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return [
            await self._client.execute_command(*call.command(whole=True))  # type: ignore[no-untyped-call]
            if isinstance(answer, NoScriptError)
            else answer
            for call, answer in zip(calls, answers, strict=True)
        ]

    async def _one(self, call: _Call) -> Any:
        async with self._alone:
            try:
                return await self._client.execute_command(*call.command())
            except NoScriptError:
                # It has started anew, or is another: from now on it knows the script.
                return await self._client.execute_command(*call.command(whole=True))


def away(error: Exception) -> Away:
    """The same in a word that is fit for the log: errors hold addresses, and sometimes more."""
    if isinstance(error, Away):
        return error
    if isinstance(error, ResponseError):
        # The code that an error begins with: OOM, READONLY, LOADING, MISCONF, NOAUTH, NOPERM.
        code = str(error).partition(" ")[0]
        return Away(code if code.isupper() and code.isalpha() else type(error).__name__)
    if isinstance(error, TimeoutError):
        return Away("timeout")
    return Away(type(error).__name__)
