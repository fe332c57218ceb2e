"""Instances on one database, and the load on them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer, redis_server

Pair = list[Server]
OPTIONS = {
    "issuer": "http://127.0.0.1",
    # A token that is spent twice is then spent twice, without exception.
    "refresh_grace": "0",
    "failure_delays": "false",
    "limit_address": "1000000/minute",
    "limit_account": "1000000/minute",
    "limit_failures": "1000000/minute",
}


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """Starts two instances with one data folder, and so with one secret key.

    Takes settings, and as `within` what each of the two runs in.
    """
    made: Pair = []

    def make(within: Sequence[tuple[str, ...]] = ((), ()), **options: str) -> Pair:
        settings = {**OPTIONS, **options}
        pair = [Server(tmp_path / "data", options=settings, within=words) for words in within]
        for server in pair:
            made.append(server.start())
        return pair

    yield make
    for server in made:
        if server.process is not None:
            server.stop(signal.SIGKILL)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A database on the server that all tests share, for those that leave it alone."""
    return postgres.new_migrated()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that this test may stop; it forgets all when it does."""
    with redis_server() as server:
        yield server
