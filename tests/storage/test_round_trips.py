"""How often the hot requests ask PostgreSQL, counted on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from tests.conftest import make_client
from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    authorization_query,
    basic,
    bearer,
    exchange,
    hidden,
)
from tests.postgres import PostgresServer
from tests.tcp import CuttingProxy
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

WRITTEN = text("SELECT pg_current_xact_id()::text::bigint")
"""Each transaction that writes takes the next number, and so does this."""

Request = Coroutine[Any, Any, httpx.Response]
Road = Callable[[httpx.AsyncClient, dict[str, str]], Awaitable[Request]]
"""Does what comes before, and returns the request that is counted, not yet sent."""


@pytest.fixture
async def wired(
    database_url: str, postgres: PostgresServer, settings: Settings, clock: FakeClock
) -> AsyncIterator[tuple[CuttingProxy, Services]]:
    """The service with a wire on which each round trip to PostgreSQL is counted."""
    with CuttingProxy(postgres.port) as proxy:
        through = database_url.replace(str(postgres.port), str(proxy.port))
        services = wire(
            settings.model_copy(update={"database_url": SecretStr(through)}), clock=clock
        )
        await services.keys.ensure()
        yield proxy, services
        await services.close()


async def login(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    return log_in(client)


async def password_grant(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    return exchange(client, Grant.PASSWORD, own, username="alice", password=PASSWORD)


async def page(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    """The form of the sign-in page, in a browser that was never here."""
    client.cookies.clear()
    address = f"{AUTHORIZE}?{authorization_query('backend', Pkce())}"
    shown = await client.get(address)
    form = {
        "action": "sign_in",
        "form_token": hidden(shown.text, "form_token"),
        "username": "alice",
        "password": PASSWORD,
    }
    return client.post(address, data=form)


async def refresh(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    token = (await log_in(client)).json()["refresh_token"]
    return client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def refresh_grant(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    tokens = (await (await password_grant(client, own))).json()
    return exchange(client, Grant.REFRESH_TOKEN, own, refresh_token=tokens["refresh_token"])


async def introspection(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    token = (await log_in(client)).json()["access_token"]
    return client.post("/oauth2/introspect", data={"token": token}, headers=own)


async def authenticated(client: httpx.AsyncClient, own: dict[str, str]) -> Request:
    token = (await log_in(client)).json()["access_token"]
    return client.get("/api/v1/user", headers=bearer(token))


@pytest.mark.distributed
@pytest.mark.parametrize(
    ("road", "asks", "commits"),
    [
        (login, 3, 1),
        (password_grant, 3, 1),
        (page, 6, 1),
        (refresh, 2, 1),
        (refresh_grant, 2, 1),
        (introspection, 1, 0),
        (authenticated, 2, 0),
    ],
)
async def test_a_request_asks_and_commits_so_often(
    wired: tuple[CuttingProxy, Services], road: Road, asks: int, commits: int
) -> None:
    proxy, services = wired
    world = World(services)
    await world.org("acme", await world.user())
    _, secret = await world.client(
        "backend",
        kind=ClientKind.CONFIDENTIAL,
        grants=[Grant.PASSWORD, Grant.REFRESH_TOKEN, Grant.AUTHORIZATION_CODE],
        redirect_uris=[CALLBACK],
    )
    own = basic("backend", secret)
    async with make_client(services) as client:
        for _ in range(3):
            await (await road(client, own))  # from now on all is prepared
        request = await road(client, own)
        number = await services.database.read(_number)
        before = proxy.flights

        answer = await request
        await services.audit.flush()
        asked = proxy.flights - before
        written = await services.database.read(_number) - number - 1

    assert answer.status_code == (303 if road is page else 200), answer.text
    assert (asked, written) == (asks, commits)


def _number(connection: Connection) -> int:
    return int(connection.execute(WRITTEN).scalar_one())
