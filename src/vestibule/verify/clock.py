"""Time, as a thing that is handed over, so that tests can hold it still."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; the `time` module is one."""

    def time(self) -> float:
        """Seconds since the epoch, for what is signed."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for what is kept."""
        ...


SYSTEM: Clock = time
