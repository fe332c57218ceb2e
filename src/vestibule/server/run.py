"""`vestibule serve`: listen, answer, and end in good order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

import uvicorn
import uvloop

from vestibule import __version__, logs
from vestibule.app import build
from vestibule.server.first_start import FirstStart, prepare
from vestibule.server.insecure import insecurities
from vestibule.server.protocol import protocol
from vestibule.settings import Settings
from vestibule.wiring import wire

KEEP_ALIVE = 30
"""Seconds that an idle connection is kept."""


def serve(settings: Settings, *, announce: Callable[[FirstStart], None]) -> None:
    """Run until SIGTERM or SIGINT; what is under way then is finished first.

    `announce` is told what a first start has made, before anybody can connect.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[FirstStart], None]) -> None:
    log = logs.get("server")
    services = wire(settings)
    try:
        first_start = await prepare(services)
    except BaseException:
        await services.close()
        raise
    if first_start is not None:
        announce(first_start)
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
    server = _Server(config)
    log.info("starting", version=__version__, host=settings.host, port=settings.port)
    await server.serve()
    log.info("stopped")


class _Server(uvicorn.Server):
    """Ends with success when it was asked to end: that is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
