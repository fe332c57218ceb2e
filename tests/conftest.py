"""What tests stand on: real services on a database of their own, and a clock that they hold."""

from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pydantic
import pytest
from fastapi._compat import v2 as fields
from pydantic import SecretStr

from tests.e2e.server import lay_out_tables
from tests.postgres import PostgresServer, postgres_server
from tests.redis_server import ENGINES, Engine, RedisServer, redis_server
from tests.world import FakeClock, World
from vestibule.app import build
from vestibule.settings import Settings
from vestibule.storage.database import is_embedded
from vestibule.wiring import Services, wire

DATABASES = ("sqlite", "postgresql")
HERE = Path(__file__).parent
LONG = {"bench", "deploy", "docs", "e2e", "storage", "users"}
"""Folders whose tests start programs, or make very many rows."""

# How long an example takes says nothing on a machine that others use.
hypothesis.settings.register_profile("tests", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("tests")

# Thousands of modules and tests are made before the first one runs, and none is garbage.
gc.disable()

# Each test makes an application of its own, and the framework a validator for each parameter and
# answer of its routes: by far the most of the work, and each time the same.
_adapters: dict[Any, Any] = {}


def _known_adapter(kind: Any, *, config: Any = None) -> Any:
    key = (kind.__origin__, repr(kind.__metadata__), repr(config))
    if key not in _adapters:
        _adapters[key] = pydantic.TypeAdapter(kind, config=config)
    return _adapters[key]


setattr(fields, "TypeAdapter", _known_adapter)  # noqa: B010  (no name that it exports)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=DATABASES,
        action="append",
        help="run the tests that need a database on this one; on each by default",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What asks for a database is run on each, unless it is marked otherwise."""
    if "database_url" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        chosen = metafunc.config.getoption("--database")
        if "embedded" in marks:
            chosen = ["sqlite"]
        if "distributed" in marks:
            chosen = ["postgresql"]
        chosen = chosen or (["sqlite"] if "once" in marks else DATABASES)
        metafunc.parametrize("database_url", chosen, indirect=True, scope="function")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: the end of a run has short tests to share among workers."""
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in LONG)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy, because migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "vestibule.db"
    lay_out_tables(path)
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that all tests share; each has a database of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def emptied() -> Iterator[Callable[[Engine], RedisServer]]:
    """The server of each engine that all tests share, with nothing in it."""
    with ExitStack() as stack:
        started: dict[Engine, RedisServer] = {}

        def empty(engine: Engine) -> RedisServer:
            if engine not in started:
                started[engine] = stack.enter_context(redis_server(engine))
            with started[engine].client() as client:
                client.flushall()
            return started[engine]

        yield empty


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """What asks for it, or for a server of it, is run on Redis and on Valkey."""
    found: Engine = request.param
    return found


@pytest.fixture
def redis(engine: Engine, emptied: Callable[[Engine], RedisServer]) -> RedisServer:
    """A server with nothing in it."""
    return emptied(engine)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with all tables and nothing in them."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "vestibule.db")
        return f"sqlite:///{tmp_path / 'vestibule.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture(params=DATABASES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'vestibule.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def shared(database_url: str, emptied: Callable[[Engine], RedisServer]) -> dict[str, str]:
    """What instances of one service share, as options: on PostgreSQL a Redis besides."""
    # Many tests share two cores.
    options = {"database_url": database_url, "database_timeout": "30", "redis_timeout": "30"}
    return options if is_embedded(database_url) else options | {"redis_url": emptied("redis").url}


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Cheap hashes; everything else as it is by default."""
    return Settings(
        data_dir=tmp_path,
        database_url=SecretStr(database_url),
        database_timeout=30,  # many tests share two cores
        secret_key=SecretStr("a secret key for tests, 32 characters or more"),
        argon2_memory=8,
        argon2_time=1,
    )


@pytest.fixture
async def services(settings: Settings, clock: FakeClock) -> AsyncIterator[Services]:
    made = wire(settings, clock=clock)
    await made.keys.ensure()
    yield made
    await made.close()


@pytest.fixture
def world(services: Services) -> World:
    return World(services)


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in this process, from a loopback address."""
    async with make_client(services) as made:
        yield made


def make_client(services: Services, *, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build(services), client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


def pytest_collection_finish() -> None:
    gc.enable()
    gc.collect()
    gc.freeze()
    # Each test makes a program: seldom, but before gigabytes of garbage are to be walked through.
    gc.set_threshold(100_000, 20, 10)
