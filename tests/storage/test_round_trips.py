"""How often the hot requests ask PostgreSQL, counted on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from tests.conftest import make_client
from tests.postgres import PostgresServer
from tests.tcp import CuttingProxy
from tests.world import FakeClock, World, log_in
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

WRITTEN = text("SELECT pg_current_xact_id()::text::bigint")
"""Each transaction that writes takes the next number, and so does this."""


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.emptied()


@pytest.fixture
async def wired(
    url: str, postgres: PostgresServer, settings: Settings, clock: FakeClock
) -> AsyncIterator[tuple[CuttingProxy, Services]]:
    """The service with a wire on which each round trip to PostgreSQL is counted."""
    with CuttingProxy(postgres.port) as proxy:
        through = url.replace(str(postgres.port), str(proxy.port))
        services = wire(
            settings.model_copy(update={"database_url": SecretStr(through)}), clock=clock
        )
        await services.keys.ensure()
        yield proxy, services
        await services.close()


def _number(connection: Connection) -> int:
    return int(connection.execute(WRITTEN).scalar_one())


@pytest.mark.embedded
async def test_a_login_asks_three_times_and_commits_once(
    wired: tuple[CuttingProxy, Services],
) -> None:
    proxy, services = wired
    world = World(services)
    await world.org("acme", await world.user())
    async with make_client(services) as client:
        for _ in range(3):
            assert (await log_in(client)).status_code == 200  # from now on all is prepared
        number = await services.database.read(_number)
        before = proxy.flights

        answer = await log_in(client)
        asked = proxy.flights - before
        written = await services.database.read(_number) - number - 1

    assert answer.status_code == 200
    assert (asked, written) == (3, 1)


@pytest.mark.embedded
async def test_a_refresh_asks_twice(
    wired: tuple[CuttingProxy, Services],
) -> None:
    proxy, services = wired
    world = World(services)
    await world.org("acme", await world.user())
    async with make_client(services) as client:
        tokens = (await log_in(client)).json()
        for _ in range(3):
            tokens = (await _refreshed(client, tokens)).json()
        before = proxy.flights

        answer = await _refreshed(client, tokens)

    assert answer.status_code == 200
    assert proxy.flights - before == 2


async def _refreshed(client: httpx.AsyncClient, tokens: dict[str, str]) -> httpx.Response:
    return await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )
