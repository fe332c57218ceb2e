"""What a right password gives."""

from __future__ import annotations

import base64
import hashlib
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from tests.world import FakeClock, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.orgs.models import Role
from vestibule.sessions.models import sessions
from vestibule.wiring import Services


async def test_the_body_is_the_contracts(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.user("alice")
    await world.org("zeta", alice, name="Alpha")
    await world.org("beta", alice, name="Beta")

    response = await log_in(client, "alice", grant_type="password")

    assert response.status_code == 200
    body = response.json()
    assert body["default_org"] == {"key": "zeta", "name": "Alpha"}
    assert body["orgs"] == [{"key": "zeta", "name": "Alpha"}, {"key": "beta", "name": "Beta"}]
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert body["scope"] == "api:read api:write email offline_access openid profile"
    session_id, secret, tag = 16, 32, 16
    token = body["refresh_token"].removeprefix("vsr_")
    assert len(base64.urlsafe_b64decode(token + "==")) == session_id + secret + tag
    assert set(body) == {
        "access_token", "default_org", "expires_in", "orgs", "refresh_token", "scope",
        "token_type",
    }  # fmt: skip


async def test_the_headers_forbid_every_cache(client: httpx.AsyncClient, world: World) -> None:
    await world.user("alice")

    response = await log_in(client, "alice")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_person_without_organizations_has_none(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")

    body = (await log_in(client, "alice")).json()

    assert body["default_org"] is None
    assert body["orgs"] == []


async def test_the_token_is_an_rfc_9068_access_token(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    alice = await world.user("alice")
    acme = await world.org("acme", alice, role=Role.ADMIN)

    body = (await log_in(client, "alice")).json()

    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert UUID(token.claims.pop("jti"))
    assert UUID(token.claims.pop("sid"))
    assert token.claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": "http://127.0.0.1:8000",
        "sub": str(alice.id),
        "client_id": "vestibule",
        "iat": int(clock.now),
        "exp": int(clock.now) + 900,
        "auth_time": int(clock.now),
        "scope": "api:read api:write email offline_access openid profile",
        "org_id": str(acme.id),
        "org_key": "acme",
        "org_role": "admin",
    }


async def test_the_refresh_token_is_stored_as_a_digest_only(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")

    body = (await log_in(client, "alice")).json()

    rows = await services.database.read(lambda c: c.execute(select(sessions)).all())
    assert len(rows) == 1
    assert rows[0].digest == hashlib.sha256(body["refresh_token"].encode()).digest()
    assert rows[0].user_id == alice.id
    assert rows[0].expires_at.timestamp() == services.clock.time() + 30 * 86400


async def test_a_username_an_address_and_other_spellings_find_one_account(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("zoë", email_address="zoe@example.org")

    spellings = ["zoë", "ZOË", "zoe\u0308", "zoe@example.org", "Zoe@Example.ORG"]
    found = [(await log_in(client, spelling)).status_code for spelling in spellings]

    assert found == [200] * 5


async def test_the_users_choice_comes_before_the_first_joined(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")
    await world.org("first", alice)
    chosen = await world.org("chosen", alice)
    await services.users.update(alice, default_org_id=chosen.id)

    body = (await log_in(client, "alice")).json()

    assert body["default_org"]["key"] == "chosen"


async def test_the_first_joined_is_the_default_whatever_its_name(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    alice = await world.user("alice")
    await world.org("zeta", alice)
    clock.advance(60)
    await world.org("alpha", alice)

    body = (await log_in(client, "alice")).json()

    assert body["default_org"]["key"] == "zeta"
    assert [org["key"] for org in body["orgs"]] == ["alpha", "zeta"]


async def test_a_suspended_organization_is_neither_listed_nor_the_default(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")
    gone = await world.org("gone", alice)
    await world.org("there", alice)
    await services.users.update(alice, default_org_id=gone.id)
    await services.organizations.update("gone", is_active=False)

    body = (await log_in(client, "alice")).json()

    assert body["default_org"]["key"] == "there"
    assert [org["key"] for org in body["orgs"]] == ["there"]


async def test_scope_selects_the_organization_of_the_token(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user("alice")
    await world.org("acme", alice)
    await world.org("beta", alice)

    body = (await log_in(client, "alice", scope="openid org:beta")).json()

    assert _claims(body)["org_key"] == "beta"
    assert body["scope"] == "openid"


async def test_a_token_is_never_for_an_organization_that_demands_another_way(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user("alice")
    await world.org("strict", alice)
    await services.organizations.update("strict", password_sign_in=False)

    body = (await log_in(client, "alice")).json()

    assert body["orgs"] == [{"key": "strict", "name": "Strict"}]
    assert "org_key" not in _claims(body)


async def test_a_client_gets_the_scopes_and_organizations_that_it_may_have(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user("alice")
    await world.org("acme", alice)
    await world.org("beta", alice)
    await world.client("portal", scopes=["profile"], organizations=["beta"])

    body = (await log_in(client, "alice", client_id="portal")).json()

    assert body["scope"] == "profile"
    assert _claims(body)["client_id"] == "portal"
    assert _claims(body)["org_key"] == "beta"


async def test_a_confidential_client_proves_itself_in_the_form_or_by_basic(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)

    in_form = await log_in(client, "alice", client_id="backend", client_secret=secret)
    basic = base64.b64encode(f"backend:{secret}".encode()).decode()
    in_header = await log_in(client, "alice", headers={"Authorization": f"Basic {basic}"})

    assert (in_form.status_code, in_header.status_code) == (200, 200)


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")
    await world.client("portal", grants=["password"])

    body = (await log_in(client, "alice", client_id="portal")).json()

    assert "refresh_token" not in body


async def test_a_parameter_without_a_value_is_as_if_not_sent(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")

    response = await log_in(
        client, "alice", client_id="", client_secret="", grant_type="", scope=""
    )

    assert response.status_code == 200


async def test_parameters_that_are_not_known_are_ignored(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("alice")

    response = await log_in(client, "alice", audience="x", resource="y")

    assert response.status_code == 200


async def test_the_token_can_be_used_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.user("alice", first_name="Alice", last_name="Liddell")
    await world.org("acme", alice, role=Role.OWNER)
    token = (await log_in(client, "alice")).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    profile = await client.get("/api/v1/user", headers=bearer)
    organizations = await client.get("/api/v1/user/organizations", headers=bearer)

    assert profile.status_code == 200
    assert profile.json()["id"] == str(alice.id)
    assert profile.json()["full_name"] == "Alice Liddell"
    assert profile.json()["email_address"] == "alice@example.org"
    assert [(o["key"], o["role"]) for o in organizations.json()] == [("acme", "owner")]


def _claims(body: dict[str, str]) -> dict[str, str]:
    import json

    payload = body["access_token"].split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims
