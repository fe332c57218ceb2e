"""`vestibule serve`: listen, answer, and end in good order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import socket
from collections.abc import Iterator
from typing import Protocol

import uvicorn
import uvloop
from pydantic import SecretStr

from vestibule import __version__, logs
from vestibule.app import build
from vestibule.errors import RateLimited
from vestibule.http.draining import Draining
from vestibule.server.first_start import FirstStart, prepare
from vestibule.server.insecure import insecurities
from vestibule.server.protocol import protocol
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.wiring import wire

KEEP_ALIVE = 30
"""Seconds that an idle connection is kept."""


class Observer(Protocol):
    """Who is told of the start."""

    def made(self, first_start: FirstStart) -> None:
        """What a first start has made, before anybody can connect."""
        ...

    def listening(self, port: int) -> None:
        """From now on requests are answered."""
        ...


def serve(settings: Settings, *, observer: Observer) -> None:
    """Migrate, then run until SIGTERM or SIGINT; what is under way then is finished first.

    Raises `schema.Unusable`.
    """
    # Each connection is a file: take as many as the system allows, not the modest default.
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, observer))


async def _serve(settings: Settings, observer: Observer) -> None:
    log = logs.get("server")
    await schema.upgrade_where_behind(settings.sqlalchemy_url)
    services = wire(settings)
    try:
        # There is memory for a hash, or this ends here, and not at the first login.
        with contextlib.suppress(RateLimited):  # a deadline that a first one may not meet
            await services.passwords.hash(SecretStr(""))
        first_start = await prepare(services)
    except BaseException:
        await services.close()
        raise
    if first_start is not None:
        observer.made(first_start)
    for warning in insecurities(settings):
        log.warning("insecure setting", setting=warning)
    config = uvicorn.Config(
        build(services),
        host=settings.host,
        port=settings.port,
        http=protocol(header_timeout=settings.header_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # `http.peer` knows whom to believe
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=settings.drain_timeout,
    )
    # All that was made so far stays: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    log.info("starting", version=__version__, host=settings.host, port=settings.port)
    server = _Server(config, observer, services.draining, drain_delay=settings.drain_delay)
    await server.serve()
    log.info("stopped")


class _Server(uvicorn.Server):
    """Says when it listens, and ends with success when it was asked to end.

    Between the two it says for `drain_delay` seconds that it is not ready, while it answers
    everything: time for load balancers to go elsewhere. Asked a second time, it ends at once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        observer: Observer,
        draining: Draining,
        *,
        drain_delay: float,
    ) -> None:
        super().__init__(config)
        self._observer = observer
        self._draining = draining
        self._drain_delay = drain_delay

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._observer.listening(self.servers[0].sockets[0].getsockname()[1])

    def _asked_to_end(self, number: int) -> None:
        if self._draining.has_begun or not self._drain_delay:
            self._draining.begin()
            self.handle_exit(number, None)
            return
        self._draining.begin()
        logs.get("server").info("draining", seconds=self._drain_delay)
        loop = asyncio.get_running_loop()
        loop.call_later(self._drain_delay, self.handle_exit, number, None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self._asked_to_end, number)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
