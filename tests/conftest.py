"""What tests stand on: real services on a database of their own, and a clock that they hold."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.world import FakeClock, World
from vestibule.app import build
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.wiring import Services, wire


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy, because migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "vestibule.db"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    """Cheap hashes; everything else as it is by default."""
    shutil.copy(migrated, tmp_path / "vestibule.db")
    return Settings(
        data_dir=tmp_path,
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
