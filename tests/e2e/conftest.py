"""Real services for the tests of this folder."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import chromium
from tests.e2e.server import Server
from tests.ports import free_port

MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Starts services that are stopped when the test ends."""
    made: list[Server] = []

    def make(*, migrates: bool = False, **options: str) -> Server:
        server = Server(tmp_path / f"data{len(made)}", options=options, migrates=migrates)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        if server.process is not None:
            server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def page_port() -> int:
    """The port of the web origin that the shared service lets in."""
    return free_port()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, page_port: int) -> Iterator[Server]:
    """One service for all tests that leave it as it was."""
    running = Server(
        tmp_path_factory.mktemp("shared") / "data",
        options={
            "cors_origins": f"http://127.0.0.1:{page_port}",
            "limit_address": "100000/minute",
            "limit_account": "100000/minute",
            "body_timeout": "1",
            "header_timeout": "1",
        },
    ).start()
    yield running
    running.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Playwright holds the loop of its thread: not longer than for a module."""
    with chromium() as launched:
        yield launched
