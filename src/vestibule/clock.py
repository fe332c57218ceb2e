"""Time, as a thing that is handed over, so that tests can hold it still."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where every service gets its time from."""

    def time(self) -> float:
        """Seconds since the epoch, for what is stored or signed."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for what is measured or awaited."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def utc(clock: Clock) -> datetime:
    """The clock's present moment as an aware datetime in UTC."""
    return datetime.fromtimestamp(clock.time(), UTC)
