"""Asking Sentinels which server is the primary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from vestibule.state.ending import end

Address = tuple[str, int]


class Sentinels:
    """All of them at once, in place of redis-py's one after the other.

    There one that is silent costs a wait of its own, which is all the time that there is.
    """

    def __init__(self, hosts: Iterable[tuple[str, int]], options: dict[str, Any]) -> None:
        """`options` are of each connection to one of them."""
        self._each = [
            Sentinel([host], sentinel_kwargs=options)  # type: ignore[no-untyped-call]
            for host in hosts
        ]
        self._asked: set[asyncio.Task[Address]] = set()

    async def discover_master(self, service: str) -> Address:
        """Where it is, by the first that knows. Raises a `RedisError` where none does."""
        asked = [self._ask(one, service) for one in self._each]
        try:
            for answer in asyncio.as_completed(asked):
                try:
                    return await answer
                except RedisError as error:
                    refused = error
        finally:
            # They are not waited for: a cancellation that meets a connection may be taken for
            # a failure of that, and then the whole wait passes.
            for task in asked:
                task.cancel()
        raise refused

    async def aclose(self) -> None:
        """Let go of all connections to them."""
        for task in tuple(self._asked):
            await end(task)
        for one in self._each:
            await one.aclose()

    def _ask(self, one: Sentinel, service: str) -> asyncio.Task[Address]:
        task: asyncio.Task[Address] = asyncio.ensure_future(one.discover_master(service))
        self._asked.add(task)
        task.add_done_callback(self._answered)
        return task

    def _answered(self, task: asyncio.Task[Address]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # of one that is asked no longer nobody else takes it
