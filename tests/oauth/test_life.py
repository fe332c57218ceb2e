"""What a client does from its first token to the last."""

from __future__ import annotations

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oauth.flows import (
    CALLBACK,
    Pkce,
    approve_device,
    basic,
    bearer,
    code_of,
    exchange,
)
from tests.world import World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.wiring import Services

EVERY_GRANT = list(Grant)


async def test_a_code_becomes_tokens_and_an_id_token(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.client(
        "portal", grants=[Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN], redirect_uris=[CALLBACK]
    )
    pkce = Pkce()

    code = await code_of(client, "portal", pkce, nonce="n-1")
    answer = await exchange(
        client, "authorization_code", code=code, redirect_uri=CALLBACK,
        code_verifier=pkce.verifier, client_id="portal",
    )  # fmt: skip

    body = answer.json()
    assert answer.status_code == 200, body
    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    claims = jwt.decode(body["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["sub"], claims["aud"], claims["nonce"]) == (str(alice.id), "portal", "n-1")
    assert claims["preferred_username"] == "alice"
    user = await client.get("/oauth2/userinfo", headers=bearer(body["access_token"]))
    assert user.json() == {
        "sub": str(alice.id),
        "preferred_username": "alice",
        "updated_at": int(alice.updated_at.timestamp()),
    }


async def test_a_refresh_token_is_spent_and_followed(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    first = (await log_in(client)).json()

    second = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}
    )

    body = second.json()
    assert second.status_code == 200, body
    assert body["refresh_token"] != first["refresh_token"]
    assert (await client.get("/api/v1/user", headers=bearer(body["access_token"]))).is_success


async def test_introspection_and_revocation(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client, client_id="backend", client_secret=secret)).json()
    own = basic("backend", secret)

    alive = await client.post(
        "/oauth2/introspect", data={"token": tokens["access_token"]}, headers=own
    )
    revoked = await client.post(
        "/oauth2/revoke", data={"token": tokens["refresh_token"]}, headers=own
    )
    dead = await client.post(
        "/oauth2/introspect", data={"token": tokens["access_token"]}, headers=own
    )

    assert alive.json()["active"] is True, alive.json()
    assert (alive.json()["org_key"], alive.json()["username"]) == ("acme", "alice")
    assert revoked.status_code == 200
    assert dead.json() == {"active": False}


async def test_a_device_is_approved_on_the_page(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.user()
    started = (await client.post("/api/v1/auth/device/code")).json()
    url = f"/api/v1/auth/device/code/{started['device_code']}"
    assert (await client.get(url)).json() == {"status": "pending", "user_id": None}

    done = await approve_device(client, started["user_code"])

    assert done.status_code == 200, done.text
    assert (await client.get(url)).json() == {"status": "authorized", "user_id": str(alice.id)}
    asked = {"device_code": started["device_code"]}
    tokens = await client.post("/api/v1/auth/device/token", json=asked)
    assert tokens.status_code == 200, tokens.json()
    assert "refresh_token" in tokens.json()
    assert (await client.post("/api/v1/auth/device/token", json=asked)).status_code == 400
    assert (await client.get(url)).status_code == 404


async def test_a_client_gets_a_token_of_its_own(client: httpx.AsyncClient, world: World) -> None:
    await world.org("acme")
    _, secret = await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        scopes=["jobs:run", "openid"], organizations=["acme"],
    )  # fmt: skip

    answer = await exchange(client, "client_credentials", headers=basic("job", secret))

    body = answer.json()
    assert answer.status_code == 200, body
    assert body["scope"] == "jobs:run"
    assert "refresh_token" not in body
    told = await client.post(
        "/oauth2/introspect", data={"token": body["access_token"]}, headers=basic("job", secret)
    )
    assert (told.json()["sub"], told.json()["org_key"]) == ("job", "acme")


async def test_a_token_is_exchanged_for_another_organization(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("beta", alice)
    token = (await log_in(client)).json()["access_token"]

    answer = await exchange(
        client, Grant.TOKEN_EXCHANGE, client_id="vestibule", scope="org:beta", subject_token=token,
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )  # fmt: skip

    body = answer.json()
    assert answer.status_code == 200, body
    claims = jwt.decode(
        body["access_token"],
        KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json()),
        algorithms=["ES256"],
    ).claims
    assert claims["org_key"] == "beta"


async def test_discovery_names_what_is_there(client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/openid-configuration")).json()

    assert told["issuer"] == "http://127.0.0.1:8000"
    assert told == (await client.get("/.well-known/oauth-authorization-server")).json()
