"""The state that instances share for a short time, and what becomes of it while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import SecretStr
from redis.asyncio import Redis, RedisCluster

from vestibule import logs
from vestibule.clock import Clock
from vestibule.errors import DatabaseUnavailable
from vestibule.metrics.service import Metrics
from vestibule.state.clients import WAITS, close_client, make_client, remember_hosts
from vestibule.state.ending import end
from vestibule.state.flights import AWAY, Argument, Away, Flights, away
from vestibule.state.news import News
from vestibule.state.places import Place, place_of
from vestibule.state.scripts import Script
from vestibule.state.status import Mode, Outage, Status
from vestibule.tracing.spans import NO_TRACING, Tracing

PREFIX = "vestibule:"
"""Of every key."""

FIRST_PROBE, LAST_PROBE = 0.1, 5.0
"""Seconds between two looks whether Redis is back: at first, and at the most."""
RETRY_AFTER = 5

Client = Redis | RedisCluster
Arrival = Literal["first", "again"]
"""Whether Redis is found by an instance that starts, or by one that it was away from."""
Hook = Callable[[Client, Arrival], Awaitable[None]]


class SharedState:
    """One Redis, or none; nobody asks it while it is known to be away.

    The first call that fails opens the circuit: from then on calls fail at once, without waiting
    for a timeout each, and a task of its own looks whether Redis can be written again. That is
    said once in the log when it begins, and once when it ends.
    """

    def __init__(
        self,
        *,
        url: SecretStr | None,
        timeout: float,
        outage: Outage,
        clock: Clock,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """`timeout` in seconds. Raises `ValueError` for a URL that can't be used."""
        self.place: Place | None = place_of(url) if url is not None else None
        self._timeout = timeout
        self._outage: Outage = outage
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._tracing = tracing
        self._client: Client | None = None
        self._flights: Flights | None = None
        self.news = News(timeout=timeout)
        if self.place is not None:
            self._client = make_client(self.place, timeout=timeout)
            self._flights = Flights(self._client, timeout=timeout, failed=self._lost)
            self.news.connect(self._client)
        self._since = clock.time()
        self._reason: str | None = None
        self._outages = 0
        self._probing: asyncio.Task[None] | None = None
        self._on_arrival: list[Hook] = []
        self._log = logs.get("state")

    @property
    def configured(self) -> bool:
        """Whether there is a Redis to share through."""
        return self.place is not None

    @property
    def clustered(self) -> bool:
        """Whether the keys of one script must share a hash tag."""
        return self.place is not None and self.place.kind == "cluster"

    def status(self) -> Status:
        """How it stands now: asks nobody."""
        return Status(
            configured=self.configured,
            available=self._reason is None,
            mode=self._mode(),
            since=self._since,
            reason=self._reason,
            outages=self._outages,
        )

    async def run(
        self, script: Script, *, keys: tuple[str, ...], arguments: tuple[Argument, ...] = ()
    ) -> Any:
        """What a script returns. Raises `Away` where Redis is away and each counts alone.

        Raises `DatabaseUnavailable` where what Redis would have to count is refused instead.
        """
        if self._reason is None:
            assert self._flights is not None
            began = self._clock.monotonic()
            attributes = {"db.system.name": "redis", "db.operation.name": script.name}
            try:
                with self._tracing.step(f"redis {script.name}", attributes, remote=True):
                    return await self._flights.call(script, keys=keys, arguments=arguments)
            except Away as error:
                lost = error
            finally:
                self._metrics.shared_state(script.name, self._clock.monotonic() - began)
        else:
            lost = Away(self._reason)
        if self._outage == "fail-closed":
            raise DatabaseUnavailable(cause="shared_state", retry_after=RETRY_AFTER) from None
        raise lost

    def on_arrival(self, hook: Hook) -> None:
        """Have this awaited when Redis is there at first, and before it is asked again."""
        self._on_arrival.append(hook)

    def start(self) -> None:
        """Listen to what other instances tell; look whether Redis is there, without waiting."""
        if self.configured:
            self.news.start()
            self._probe_soon(first=True)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._probing is not None:
            await end(self._probing)
        await self.news.close()
        if self._flights is not None:
            await self._flights.close()
        if self._client is not None:
            with contextlib.suppress(*AWAY):
                async with asyncio.timeout(self._timeout):
                    await close_client(self._client)

    def _mode(self) -> Mode:
        if not self.configured:
            return "local"
        if self._reason is None:
            return "shared"
        return "degraded" if self._outage == "degraded" else "refusing"

    def _lost(self, error: Away) -> None:
        if self._reason is not None:
            return
        self._reason, self._since = error.reason, self._clock.time()
        self._outages += 1
        self._log.error("shared state away", reason=error.reason, mode=self._mode())
        self._probe_soon()

    def _probe_soon(self, *, first: bool = False) -> None:
        if self._probing is None or self._probing.done():
            self._probing = asyncio.get_running_loop().create_task(self._probe(first=first))

    async def _probe(self, *, first: bool) -> None:
        pause = FIRST_PROBE
        arrival: Arrival = "first" if first else "again"
        # Somebody who asked during the first look may have found it away.
        while (reason := await self._look(arrival)) or (arrival == "first" and self._reason):
            arrival = "again"
            if reason is None:
                continue
            self._lost(Away(reason))
            self._reason = reason
            # Many instances must not come back in one step.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LAST_PROBE)
        if self._reason is not None:
            self._log.info(
                "shared state back", seconds=round(max(0.0, self._clock.time() - self._since), 3)
            )
            self._reason, self._since = None, self._clock.time()

    async def _look(self, arrival: Arrival) -> str | None:
        """Why Redis can't be written now; None where it can, and all is told that must be."""
        client = self._client
        assert client is not None
        assert self.place is not None
        try:
            async with asyncio.timeout(WAITS * self._timeout):
                if isinstance(client, RedisCluster):
                    if self._reason is not None:
                        remember_hosts(client, self.place)
                    # Each of them has its share of the keys.
                    await client.ping(target_nodes=RedisCluster.PRIMARIES)
                await client.set(f"{PREFIX}probe", 1, px=1000)
            for hook in self._on_arrival:
                async with asyncio.timeout(self._timeout):
                    await hook(client, arrival)
        except Exception as error:
            # Whatever it is: who would look again?
            if not isinstance(error, (*AWAY, Away)):
                self._log.error("shared state not looked at", error=type(error).__name__)
            return away(error).reason
        return None
