"""What each sign-in and authenticated request asks is found by an index, on either database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import select

from tests.docs.sharding import sharded
from tests.oauth.flows import basic, bearer
from tests.plans import looked_through
from tests.statements import statements
from tests.world import World, log_in
from vestibule.clients.models import ClientKind
from vestibule.storage.database import is_embedded
from vestibule.users.models import users
from vestibule.wiring import Services

Ask = Callable[[], Awaitable[httpx.Response]]


async def login(client: httpx.AsyncClient, world: World) -> Ask:
    return lambda: log_in(client)


async def login_by_address(client: httpx.AsyncClient, world: World) -> Ask:
    return lambda: log_in(client, "alice@example.org")


async def wrong_password(client: httpx.AsyncClient, world: World) -> Ask:
    return lambda: log_in(client, password="wrong")


async def refresh(client: httpx.AsyncClient, world: World) -> Ask:
    token = (await log_in(client)).json()["refresh_token"]
    return lambda: client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def introspection(client: httpx.AsyncClient, world: World) -> Ask:
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    own = basic("backend", secret)
    token = (await log_in(client, client_id="backend", client_secret=secret)).json()["access_token"]
    return lambda: client.post("/oauth2/introspect", data={"token": token}, headers=own)


async def authenticated(client: httpx.AsyncClient, world: World) -> Ask:
    token = (await log_in(client)).json()["access_token"]
    return lambda: client.get("/api/v1/user", headers=bearer(token))


async def api_key(client: httpx.AsyncClient, world: World) -> Ask:
    token = (await log_in(client)).json()["access_token"]
    asked = {"name": "job", "allow_self_revoke": False}
    made = await client.post("/api/v1/user/api-keys", json=asked, headers=bearer(token))
    return lambda: client.get("/api/v1/user", headers={"X-API-Key": made.json()["key"]})


async def device(client: httpx.AsyncClient, world: World) -> Ask:
    code = (await client.post("/api/v1/auth/device/code")).json()["device_code"]
    return lambda: client.get(f"/api/v1/auth/device/code/{code}")


NAMES = {"username", "email_address"}
"""What somebody is found by who says who they are: the guide says how."""
TABLES = re.compile(r"\b(?:FROM|JOIN|UPDATE) (\w+)")
CENTRAL = re.compile(r"\bnextval\b|\bpg_\w*advisory\w*\b", re.IGNORECASE)
"""What all instances would have to agree on."""


def keyless(statement: str) -> set[str]:
    """The tables that a statement asks without the key that they would be sharded by."""
    asked = re.split(r"\b(?:FROM|UPDATE)\b", statement, maxsplit=1)[-1]
    tables = set(TABLES.findall(statement))
    return {
        one.table
        for one in sharded()
        if one.table in tables
        and not one.copied
        and not all(re.search(rf"\b{one.table}\.{column}\b", asked) for column in one.by)
        and not (one.table == "users" and any(f"users.{name} " in asked for name in NAMES))
    }


@pytest.mark.parametrize(
    "road",
    [
        login, login_by_address, wrong_password, refresh, introspection, authenticated, api_key,
        device,
    ],
)  # fmt: skip
async def test_nothing_is_looked_through(
    road: Callable[..., Awaitable[Ask]],
    client: httpx.AsyncClient,
    world: World,
    services: Services,
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    ask = await road(client, world)

    # Which directories there are is read once in seconds, whole: there are few.
    await services.registry.reload()

    with statements() as sent:
        answer = await ask()

    assert answer.status_code == (401 if road is wrong_password else 200), answer.text
    asked = [one for one in sent if one[0].startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]
    assert asked
    assert await services.database.write(lambda c: looked_through(c, asked)) == set()
    assert {table for statement, _ in sent for table in keyless(statement)} == set()
    assert not any(CENTRAL.search(statement) for statement, _ in sent)


async def test_nothing_is_looked_through_for_several_at_once(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    names = ["alice", "bob", "carol"]
    await world.org("acme", *[await world.user(name) for name in names])
    await services.registry.reload()

    async def life(name: str) -> None:
        token = (await log_in(client, name)).json()["refresh_token"]
        answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": token})
        assert answer.status_code == 200, answer.text

    await life("alice")
    with statements() as sent:
        await asyncio.gather(*map(life, names))

    asked = [one for one in sent if one[0].startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]
    if not is_embedded(services.database.url):
        assert any("ANY" in statement for statement, _ in asked)
    assert await services.database.write(lambda c: looked_through(c, asked)) == set()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT users.id FROM users WHERE users.first_name = $1", {"users"}),
        ("SELECT sessions.id FROM sessions WHERE sessions.user_id = $1", {"sessions"}),
        ("UPDATE sessions SET ended_at=$1 WHERE sessions.user_id = $2", {"sessions"}),
        ("SELECT sessions.id FROM sessions WHERE sessions.id = $1", set()),
    ],
)
def test_what_is_asked_without_its_key_would_be_seen(statement: str, found: set[str]) -> None:
    assert keyless(statement) == found


async def test_what_no_index_finds_would_be_seen(services: Services) -> None:
    statement = select(users.c.id).where(users.c.first_name == "Alice")
    with statements() as sent:
        await services.database.read(lambda c: c.execute(statement).all())

    found = await services.database.write(lambda c: looked_through(c, sent))

    assert {table for table, _ in found} == {"users"}
