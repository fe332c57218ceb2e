"""How often a waiting device may ask (RFC 8628 §3.5): kept in Redis, or with the device login."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from vestibule.clock import Clock, utc
from vestibule.devices import repository
from vestibule.devices.models import DeviceLogin
from vestibule.state.flights import Away
from vestibule.state.scripts import Script
from vestibule.state.service import PREFIX, SharedState
from vestibule.storage.database import Database

SLOWER = 5
"""Seconds that a device which asks too often must wait longer (RFC 8628 §3.5)."""
MAX_INTERVAL = 300

POLL = Script.load(__package__, "poll.lua")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one question has come to."""

    early: bool
    """Whether it came too soon."""
    interval: int
    """Seconds to wait before the next."""


class Polling:
    """Keeps when a device asked last."""

    def __init__(
        self,
        *,
        database: Database,
        shared: SharedState,
        clock: Clock,
        now: Callable[[], float] | None = None,
    ) -> None:
        """`now` takes the place of the clock of Redis, in seconds."""
        self._database = database
        self._shared = shared
        self._clock = clock
        self._now = now

    async def asked(self, login: DeviceLogin) -> Asked:
        """A device asks whether it was approved. Raises `DatabaseUnavailable`."""
        if self._shared.configured:
            try:
                return await self._asked_shared(login)
            except Away:
                pass  # what is kept with the device login is older, and does no harm
        return await self._asked_database(login)

    async def _asked_shared(self, login: DeviceLogin) -> Asked:
        seconds = (login.expires_at - utc(self._clock)).total_seconds()
        early, interval = await self._shared.run(
            POLL,
            keys=(f"{PREFIX}{{device:{login.digest.hex()}}}",),
            arguments=(
                "" if self._now is None else round(self._now() * 1000),
                login.interval,
                SLOWER,
                MAX_INTERVAL,
                max(1, math.ceil(seconds * 1000)),
            ),
        )
        return Asked(early=bool(early), interval=interval)

    async def _asked_database(self, login: DeviceLogin) -> Asked:
        now = utc(self._clock)
        early = login.last_polled_at is not None and (
            now - login.last_polled_at < timedelta(seconds=login.interval)
        )
        interval = min(login.interval + (SLOWER if early else 0), MAX_INTERVAL)
        if not early or interval > login.interval:  # whoever asks without end writes nothing
            await self._database.write_one(
                lambda c: repository.polled(c, login.digest, now=now, interval=interval)
            )
        return Asked(early=early, interval=interval)
