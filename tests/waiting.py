"""Waiting for what others bring about; fails where it takes long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another task."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (of a task that has no event)
            await asyncio.sleep(0.01)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another thread or process."""
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.001)
