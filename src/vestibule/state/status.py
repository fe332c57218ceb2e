"""How the shared state stands, for readiness, metrics, the log and the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outage = Literal["fail-closed", "degraded"]
Mode = Literal["local", "shared", "degraded", "refusing"]


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands at one moment."""

    configured: bool
    """Whether there is a Redis to share through at all."""
    available: bool
    """Whether it answers, as far as was seen; True where none is configured: none is missed."""
    mode: Mode
    """`local`: none is configured, each instance counts alone, as meant. `shared`: in Redis.
    While that is away, `degraded`: each instance alone, or `refusing`: what it would have to
    count is refused."""
    since: float
    """When that began, in seconds since the epoch."""
    reason: str | None
    """Why it is away, in a word or two; never holds addresses or secrets."""
    outages: int
    """How often it went away since the start."""

    @property
    def ready(self) -> bool:
        """Whether this instance can take logins, as far as the shared state goes."""
        return self.mode != "refusing"
