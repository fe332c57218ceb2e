"""Ending a task that talks to Redis."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN = 0.1
"""Seconds until a task that is still there is told again."""


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel it, and return once it has ended.

    Again and again: a cancellation that meets a connection as it fails can be taken for that.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN)
