"""Services whose directories live in the test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.identity.fakes import FakeConnector, Fakes, directory
from tests.orgs.people import signed_in
from tests.world import World

Configure = Callable[..., Awaitable[FakeConnector]]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    made = Fakes()
    monkeypatch.setattr("vestibule.wiring.directories.make_connector", made)
    return made


@pytest.fixture(autouse=True)
def _before_services(fakes: Fakes) -> None:
    """The services are wired after this."""


@pytest.fixture
async def root(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    await world.user("root", is_admin=True)
    return await signed_in(client, world, "root")


@pytest.fixture
async def configure(client: httpx.AsyncClient, root: dict[str, str], fakes: Fakes) -> Configure:
    """Adds a directory by the administration routes."""

    async def add(key: str = "corp", **fields: Any) -> FakeConnector:
        answer = await client.post(
            "/api/v1/directories", json=directory(key, **fields), headers=root
        )
        assert answer.status_code == 201, answer.text
        return fakes[key]

    return add
