"""How late the event loop is: what every request waits for besides its own work."""

from __future__ import annotations

import asyncio

from vestibule.metrics.service import Metrics

EVERY = 0.5
"""Seconds between two looks: two timers a second are nothing beside one login."""


class LoopLag:
    """Asks to be woken, again and again, and notes how late that happens."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + EVERY
        self._timer = loop.call_at(self._due, self._woken, loop)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _woken(self, loop: asyncio.AbstractEventLoop) -> None:
        self._metrics.loop_lag(max(0.0, loop.time() - self._due))
        self.start()
