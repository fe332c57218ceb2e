"""A client that is switched off can do nothing, and is answered as one that isn't there."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    authorization_query,
    basic,
    bearer,
    code_of,
    exchange,
)
from tests.oauth.test_consents import let_in
from tests.standards.parties import INTROSPECT
from tests.world import World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.wiring import Services


async def off(services: Services, client_id: str = "portal") -> None:
    await services.clients.switch(client_id, is_active=False)


@pytest.mark.parametrize("kind", list(ClientKind))
async def test_it_is_answered_as_one_that_is_unknown(
    client: httpx.AsyncClient, world: World, services: Services, kind: ClientKind
) -> None:
    await world.user()
    _, secret = await world.client("portal", kind=kind)

    async def tried(client_id: str) -> httpx.Response:
        if secret:
            return await log_in(client, client_id=client_id, client_secret=secret)
        return await log_in(client, client_id=client_id)

    before = await tried("portal")
    await off(services)

    known = await tried("portal")
    unknown = await tried("nobody")

    assert before.status_code == 200
    assert (known.status_code, known.json()) == (401, unknown.json())
    assert known.headers["www-authenticate"] == unknown.headers["www-authenticate"]


async def test_a_browser_is_not_sent_to_it(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await let_in(client, world)
    await off(services)

    known, unknown = [
        await client.get(f"{AUTHORIZE}?{authorization_query(client_id, Pkce())}")
        for client_id in ("portal", "nobody")
    ]

    assert (known.status_code, unknown.status_code) == (400, 400)
    assert "This client is not known" in known.text
    assert "This client is not known" in unknown.text


async def test_a_code_and_a_device_of_before_become_nothing(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    await world.client(
        "portal", grants=[Grant.AUTHORIZATION_CODE, Grant.DEVICE_CODE], redirect_uris=[CALLBACK]
    )
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    started = await client.post("/api/v1/auth/device/code", json={"client_id": "portal"})
    await off(services)

    answer = await exchange(
        client, "authorization_code", code=code, redirect_uri=CALLBACK,
        code_verifier=pkce.verifier, client_id="portal",
    )  # fmt: skip
    page = await client.get(f"/login/device?code={started.json()['user_code']}")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert page.status_code == 404
    assert "This client is not known" in page.text


async def test_its_tokens_are_worth_nothing_until_it_is_on_again(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    tokens = await let_in(client, world)
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    token = tokens["access_token"]

    async def seen() -> tuple[int, bool, int]:
        used = await client.get("/api/v1/user", headers=bearer(token))
        told = await client.post(
            INTROSPECT, data={"token": token}, headers=basic("backend", secret)
        )
        spent = await exchange(
            client, "refresh_token", refresh_token=tokens["refresh_token"], client_id="portal"
        )
        return used.status_code, told.json()["active"], spent.status_code

    await off(services)
    while_off = await seen()
    await services.clients.switch("portal", is_active=True)

    assert while_off == (401, False, 401)
    assert await seen() == (200, True, 200)


async def test_it_learns_nothing_of_tokens(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    token = (await log_in(client)).json()["access_token"]
    await off(services, "backend")

    answer = await client.post(INTROSPECT, data={"token": token}, headers=basic("backend", secret))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_token_of_a_client_itself_is_worth_nothing(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    _, asks = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    _, secret = await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS]
    )
    token = (await exchange(client, "client_credentials", basic("job", secret))).json()
    form = {"token": token["access_token"]}
    before = await client.post(INTROSPECT, data=form, headers=basic("backend", asks))
    await off(services, "job")

    after = await client.post(INTROSPECT, data=form, headers=basic("backend", asks))

    assert before.json()["active"] is True
    assert after.json() == {"active": False}


async def test_what_it_was_called_is_still_said(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    await services.clients.create(
        client_id="portal", name="The Portal", kind=ClientKind.PUBLIC, scopes=["openid"],
        grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK],
    )  # fmt: skip
    await code_of(client, "portal", Pkce(), scope="openid")
    await off(services)

    assert "The Portal" in (await client.get("/account/programs")).text
