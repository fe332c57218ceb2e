"""What a person has let clients do can be seen, and taken back."""

from __future__ import annotations

import httpx

from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    authorization_query,
    bearer,
    code_of,
    exchange,
)
from tests.world import World, log_in
from vestibule.clients.models import Grant
from vestibule.wiring import Services

CONSENTS = "/api/v1/user/consents"


async def let_in(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    """The tokens of a client that alice has let into acme."""
    await world.org("acme", await world.user())
    await world.client(
        "portal", grants=[Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN],
        scopes=["openid", "profile", "api:read", "api:write"], redirect_uris=[CALLBACK],
    )  # fmt: skip
    pkce = Pkce()
    code = await code_of(client, "portal", pkce, scope="openid api:read api:write")
    answer = await exchange(
        client, "authorization_code", code=code, redirect_uri=CALLBACK,
        code_verifier=pkce.verifier, client_id="portal",
    )  # fmt: skip
    tokens: dict[str, str] = answer.json()
    return tokens


async def test_a_consent_is_seen_with_what_it_was_for(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await let_in(client, world)
    own = bearer((await log_in(client)).json()["access_token"])

    listed = (await client.get(CONSENTS, headers=own)).json()

    acme = await services.organizations.get("acme")
    assert [(c["client_id"], c["org_id"], c["scopes"]) for c in listed] == [
        ("portal", str(acme.id), ["api:read", "api:write", "openid"])
    ]


async def test_a_consent_taken_back_ends_the_client_and_is_asked_for_again(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    tokens = await let_in(client, world)
    own = bearer((await log_in(client)).json()["access_token"])
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid')}"
    assert (await client.get(url)).status_code == 303

    done = await client.delete(f"{CONSENTS}/portal", headers=own)
    again = await client.delete(f"{CONSENTS}/portal", headers=own)

    assert (done.status_code, again.status_code) == (204, 404)
    assert (await client.get(CONSENTS, headers=own)).json() == []
    old = bearer(tokens["access_token"])
    assert (await client.get("/api/v1/user", headers=old)).status_code == 401
    assert "Let portal in?" in (await client.get(url)).text
    assert (await client.get("/api/v1/user", headers=own)).status_code == 200
    trail = await services.audit.latest(limit=50)
    assert ("consent_withdraw", "withdrawn") in [(row.event, row.cause) for row in trail]


async def test_a_client_let_into_one_organization_sees_and_ends_no_consents(
    client: httpx.AsyncClient, world: World
) -> None:
    own = bearer((await let_in(client, world))["access_token"])

    answers = [
        await client.get(CONSENTS, headers=own),
        await client.delete(f"{CONSENTS}/portal", headers=own),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


async def test_nobody_takes_back_the_consent_of_somebody_else(
    client: httpx.AsyncClient, world: World
) -> None:
    await let_in(client, world)
    await world.user("bob")
    his = bearer((await log_in(client, "bob")).json()["access_token"])

    answer = await client.delete(f"{CONSENTS}/portal", headers=his)

    assert answer.status_code == 404
    hers = bearer((await log_in(client)).json()["access_token"])
    assert len((await client.get(CONSENTS, headers=hers)).json()) == 1
