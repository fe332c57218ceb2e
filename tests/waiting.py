"""Waiting for what others bring about; fails where it takes long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from vestibule.storage.database import Database

PATIENCE = 20.0
"""Seconds."""


async def until(condition: Callable[[], bool], *, patience: float = PATIENCE) -> None:
    """Wait for another task."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  (of a task that has no event)
            await asyncio.sleep(0.01)


async def lock_waits(database: Database, number: int = 1) -> None:
    """Wait until so many wait for a lock of this PostgreSQL."""
    asked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(PATIENCE):
        while await database.read(lambda c: c.execute(asked).scalar_one()) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another thread or process."""
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.001)
