"""One upstream directory as it is asked: watched, bounded, and left alone while it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import SecretStr

from vestibule import logs
from vestibule.clock import Clock
from vestibule.errors import ApiError, BadGateway, GatewayTimeout, RateLimited
from vestibule.identity.breaker import Breaker
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Approach, BrowserConnector, Busy, Connector, Profile
from vestibule.identity.unusable import UnusableConnector
from vestibule.metrics.service import Metrics
from vestibule.tracing.spans import Tracing

T = TypeVar("T")

GRACE = 0.5
"""Seconds that a connector has beyond its own timeout before it is ended."""


class Upstream:
    """A connector, its configuration, and its breaker."""

    def __init__(
        self,
        configuration: DirectoryConfiguration,
        connector: Connector,
        *,
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        self.configuration = configuration
        self.connector = connector
        self.breaker = Breaker(
            failures=configuration.breaker_failures,
            seconds=configuration.breaker_seconds,
            clock=clock,
        )
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing
        self._under_way = 0
        self._log = logs.get("directory")

    @property
    def key(self) -> str:
        """What it is known by."""
        return self.configuration.key

    @property
    def unusable(self) -> str:
        """Why it can't be asked here; "" where it can."""
        return self.connector.cause if isinstance(self.connector, UnusableConnector) else ""

    def asked_name(self, identifier: str) -> str:
        """What the directory is asked for: what was typed, without an ending that only routes."""
        folded = identifier.casefold()
        for suffix in self.configuration.suffixes:
            if folded.endswith(suffix) and len(folded) > len(suffix):
                return identifier[: -len(suffix)]
        return identifier

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        """As `Connector.authenticate`. Raises `RateLimited` where too many ask at once."""
        name = self.asked_name(identifier)
        profile = await self._asked("verify", lambda: self.connector.authenticate(name, password))
        self._count("verify", "wrong" if profile is None else "right")
        return profile

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        """As `Connector.look_up`."""
        found = await self._asked("look_up", lambda: self.connector.look_up(subjects))
        self._count("look_up", "found")
        return found

    @property
    def browsers(self) -> BrowserConnector | None:
        """What takes browsers, where the directory does."""
        return self.connector if isinstance(self.connector, BrowserConnector) else None

    async def address(self, approach: Approach) -> str:
        """As `BrowserConnector.address`, of a directory that has one."""
        connector = self.browsers
        assert connector is not None
        return await self._asked("address", lambda: connector.address(approach))

    async def arrived(self, approach: Approach, *, code: str, issuer: str | None) -> Profile | None:
        """As `BrowserConnector.arrived`, of a directory that has one."""
        connector = self.browsers
        assert connector is not None
        profile = await self._asked(
            "arrived", lambda: connector.arrived(approach, code=code, issuer=issuer)
        )
        self._count("arrived", "wrong" if profile is None else "right")
        return profile

    async def check(self) -> None:
        """As `Connector.check`, whatever the breaker says: somebody wants to know."""
        try:
            await self._in_time(self.connector.check)
        except Busy:
            raise _busy("directory_rate_limit", self.configuration.max_concurrent) from None
        except ApiError as error:
            self.breaker.failed(error)
            raise
        self.breaker.answered()

    async def close(self) -> None:
        """Let all connections go."""
        await self.connector.close()

    async def _asked(self, operation: str, ask: Callable[[], Awaitable[T]]) -> T:
        limit = self.configuration.max_concurrent
        if self._under_way >= limit:
            self._count(operation, "rate_limit")
            raise _busy("directory_busy", limit)
        try:
            self.breaker.enter()
        except ApiError:
            self._count(operation, "open")
            raise
        began = self._clock.monotonic()
        self._under_way += 1
        try:
            with self._tracing.step(f"directory {operation}", {"vestibule.directory": self.key}):
                answer = await self._in_time(ask)
        except Busy:
            self.breaker.answered()  # it is well, and we are too many
            self._count(operation, "rate_limit")
            raise _busy("directory_rate_limit", limit) from None
        except ApiError as error:
            self.breaker.failed(error)
            self._count(operation, error.type.value.removesuffix("_error"))
            self._log.warning(
                "directory failed", directory=self.key, operation=operation, cause=error.cause
            )
            raise
        except BaseException:
            self.breaker.abandoned()
            raise
        finally:
            self._under_way -= 1
            self._metrics.directory_seconds(self.key, operation, self._clock.monotonic() - began)
        self.breaker.answered()
        return answer

    async def _in_time(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What it answers. Raises `BadGateway` and `GatewayTimeout`, and no other error.

        None of them carries another exception along: its frames hold the password.
        """
        try:
            async with asyncio.timeout(self.configuration.connection.timeout + GRACE):
                return await ask()
        except ApiError as error:
            if isinstance(error, (BadGateway, GatewayTimeout)):
                raise error.with_traceback(None) from None
            cause = "directory_defect"
        except Busy:
            raise
        except TimeoutError:
            raise GatewayTimeout(cause="directory_silent") from None
        except Exception as error:
            self._log.error("directory defect", directory=self.key, error=type(error).__name__)
            cause = "directory_defect"
        raise BadGateway(cause=cause)

    def _count(self, operation: str, outcome: str) -> None:
        self._metrics.directory_answer(self.key, operation, outcome)


def _busy(cause: str, limit: int) -> RateLimited:
    return RateLimited(cause=cause, retry_after=1, policy="directory", quota=limit)
