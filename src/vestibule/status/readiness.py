"""Whether this instance should be sent requests, which is more than being alive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from vestibule import logs
from vestibule.clock import Clock
from vestibule.errors import NotReady
from vestibule.http.draining import Draining

Check = Callable[[], Awaitable[bool]]

FRESH = 1.0
"""Seconds that an answer is given again: asking often must cost the database nothing."""
TIMEOUT = 2.0
"""Seconds that all checks together may take; what has not answered then has failed."""

DRAINING = "draining"


class Readiness:
    """Runs the checks, together and at most once a second."""

    def __init__(self, checks: Mapping[str, Check], *, draining: Draining, clock: Clock) -> None:
        self._checks = dict(checks)
        self._draining = draining
        self._clock = clock
        self._running: asyncio.Task[list[str]] | None = None
        self._checked_at = float("-inf")
        self._failing: list[str] = []
        self._log = logs.get("readiness")

    @property
    def is_ready(self) -> bool:
        """Whether it was when somebody last looked, and is not about to end."""
        return not (self._draining.has_begun or self._failing)

    async def require(self) -> None:
        """Raise `NotReady` with the names of what fails. What fails and why, the log says."""
        failing = await self.look()
        if failing:
            raise NotReady(failing)

    async def look(self) -> Sequence[str]:
        """The names of what fails, as of a second ago at most."""
        if self._draining.has_begun:
            return [DRAINING]
        if self._clock.monotonic() - self._checked_at >= FRESH:
            # All who ask meanwhile wait for the same round.
            if self._running is None or self._running.done():
                self._running = asyncio.create_task(self._round())
            await asyncio.shield(self._running)
        return self._failing

    async def _round(self) -> list[str]:
        names = list(self._checks)
        results = await asyncio.gather(*(self._holds(name) for name in names))
        failing = [name for name, holds in zip(names, results, strict=True) if not holds]
        if failing != self._failing:
            log = self._log.warning if failing else self._log.info
            log("not ready" if failing else "ready", failing=failing)
        self._failing = failing
        self._checked_at = self._clock.monotonic()
        return failing

    async def _holds(self, name: str) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._checks[name]()
        except Exception as error:
            self._log.debug("check failed", check=name, error=type(error).__name__)
            return False
