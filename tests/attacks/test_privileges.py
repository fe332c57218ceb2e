"""More than one was given: roles, scopes, keys, administration, and what has ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.attacks.watch import Watch
from tests.oauth.flows import basic, exchange
from tests.orgs.people import bearer, people, roles, signed_in
from tests.world import PASSWORD, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.orgs.models import Role
from vestibule.wiring import Services

KEYS = "/api/v1/user/api-keys"


@pytest.mark.parametrize(
    ("who", "target", "role"),
    [
        ("member", "member", "admin"),
        ("member", "member", "owner"),
        ("member", "owner", "member"),
        ("admin", "admin", "owner"),
        ("admin", "owner", "member"),
        ("admin", "member", "owner"),
    ],
)
async def test_nobody_raises_a_role_above_their_own(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    watch: Watch,
    who: str,
    target: str,
    role: str,
) -> None:
    await people(world)
    before = await roles(services)
    headers = await signed_in(client, world, who)
    user = await services.users.named(target)

    answer = await client.patch(
        f"/api/v1/org/acme/members/{user.id}", json={"role": role}, headers=headers
    )

    await watch.refused(answer, 403, "member_update", "role")
    assert await roles(services) == before


@pytest.mark.parametrize(
    "extra",
    [
        {"is_admin": True}, {"org_id": "x"}, {"user_id": "x"}, {"role": "member", "is_owner": 1},
    ],
)  # fmt: skip
async def test_no_field_is_taken_that_a_body_does_not_have(
    client: httpx.AsyncClient, world: World, services: Services, extra: dict[str, Any]
) -> None:
    await people(world)
    headers = await signed_in(client, world, "owner")
    user = await services.users.named("member")

    answer = await client.patch(
        f"/api/v1/org/acme/members/{user.id}", json={"role": "member", **extra}, headers=headers
    )

    assert answer.status_code == 422


async def test_an_admin_invites_no_owner_and_removes_none(
    client: httpx.AsyncClient, world: World, services: Services, watch: Watch
) -> None:
    await people(world)
    admin = await signed_in(client, world, "admin")
    owner = await services.users.named("owner")

    invited = await client.post(
        "/api/v1/org/acme/invitations",
        json={"email_address": "friend@x.org", "role": "owner"},
        headers=admin,
    )
    removed = await client.delete(f"/api/v1/org/acme/members/{owner.id}", headers=admin)
    suspended = await client.post("/api/v1/org/acme/suspend", headers=admin)
    taken = await client.post(
        "/api/v1/org/acme/transfer",
        json={"user_id": str((await services.users.named("admin")).id)},
        headers=admin,
    )

    await watch.refused(invited, 403, "owner_invite", "role")
    await watch.refused(removed, 403, "member_remove", "role")
    await watch.refused(suspended, 403, "org_suspend", "role")
    await watch.refused(taken, 403, "org_transfer", "role")


@pytest.mark.parametrize(
    ("made", "wish", "status"),
    [
        ({"allowed_scopes": ["api:write"]}, {"allowed_scopes": ["api:read"]}, 400),
        ({"allowed_scopes": ["api:write"]}, {"allowed_scopes": ["api:write", "email"]}, 400),
        ({"org_id": "acme"}, {"org_id": "globex"}, 404),
        ({"expires_in": 60}, {"expires_in": 600}, 400),
    ],
)
async def test_no_key_makes_a_wider_one(
    client: httpx.AsyncClient,
    world: World,
    watch: Watch,
    made: dict[str, Any],
    wish: dict[str, Any],
    status: int,
) -> None:
    await people(world)
    owner = await signed_in(client, world, "owner")
    key = (await client.post(KEYS, json={"name": "narrow", **made}, headers=owner)).json()["key"]
    watch.keep(key)

    answer = await client.post(KEYS, json={"name": "wide", **wish}, headers=bearer(key))

    assert answer.status_code == status, answer.text
    row = (await watch.trail())[-1]
    assert (row.event, row.request_id) == ("api_key_create", answer.headers["x-request-id"])


async def test_a_key_without_a_wish_is_as_narrow_as_its_maker(
    client: httpx.AsyncClient, world: World
) -> None:
    await people(world)
    owner = await signed_in(client, world, "owner")
    wish = {"name": "narrow", "org_id": "acme", "allowed_scopes": ["api:write"], "expires_in": 60}
    narrow = (await client.post(KEYS, json=wish, headers=owner)).json()

    child = (await client.post(KEYS, json={"name": "child"}, headers=bearer(narrow["key"]))).json()

    for field in ("org_id", "allowed_scopes", "expires_at"):
        assert child[field] == narrow[field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/admin/users/{id}/sessions"),
        ("DELETE", "/api/v1/admin/users/{id}/sessions"),
        ("DELETE", "/api/v1/admin/users/{id}/sessions/{id}"),
    ],
)
@pytest.mark.parametrize("credential", ["owner", "confined key", "scoped key", "narrow client"])
async def test_administration_is_for_administrators_with_a_credential_for_everything(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    watch: Watch,
    method: str,
    path: str,
    credential: str,
) -> None:
    await people(world)
    root = await signed_in(client, world, "root")
    await services.organizations.add_member(
        key="acme",
        user_id=(await services.users.named("root")).id,
        role=Role.OWNER,
    )
    if credential == "owner":
        headers = await signed_in(client, world, "owner")
    elif credential == "narrow client":
        headers = await signed_in(client, world, "root", organizations=["acme"])
    else:
        wish: dict[str, Any] = (
            {"org_id": "acme"} if credential == "confined key"
            else {"allowed_scopes": ["api:read", "api:write"]}
        )  # fmt: skip
        made = await client.post(KEYS, json={"name": "k", **wish}, headers=root)
        headers = bearer(made.json()["key"])
    victim = await services.users.named("member")

    answer = await client.request(method, path.format(id=victim.id), headers=headers)

    await watch.refused(answer, 403, "admin", "not_admin")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/org/acme", "api:read"),
        ("GET", "/api/v1/user/sessions", "api:read"),
        ("GET", KEYS, "api:read"),
        ("POST", "/api/v1/org/acme/ws", "api:write"),
        ("POST", KEYS, "api:write"),
        ("DELETE", "/api/v1/user/sessions", "api:write"),
        ("POST", "/api/v1/user/password", "api:write"),
        ("GET", "/oauth2/userinfo", "openid"),
    ],
)
async def test_a_token_without_the_scope_is_told_which(
    client: httpx.AsyncClient, world: World, watch: Watch, method: str, path: str, scope: str
) -> None:
    await people(world)
    headers = await signed_in(client, world, "owner", scopes=("profile",))
    bodies = {
        KEYS: {"name": "x"},
        "/api/v1/org/acme/ws": {"key": "x", "name": "x"},
        "/api/v1/user/password": {"current_password": PASSWORD, "new_password": "x" * 20},
    }

    answer = await client.request(
        method, path, headers=headers, json=bodies.get(path) if method == "POST" else None
    )

    await watch.refused(answer, 403, "access", "scope_missing")
    assert f'scope="{scope}"' in answer.headers["www-authenticate"]


async def test_no_scope_is_won_by_exchange(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.client(
        "portal", scopes=["openid", "api:write"], grants=[Grant.PASSWORD, Grant.TOKEN_EXCHANGE]
    )
    token = (await log_in(client, client_id="portal", scope="openid")).json()["access_token"]
    watch.keep(token)

    for scope in ("org:acme api:write", "org:acme openid\u00a0api:write", "org:acme\tapi:write"):
        answer = await exchange(
            client, Grant.TOKEN_EXCHANGE, client_id="portal", scope=scope, subject_token=token,
            subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        )  # fmt: skip
        await watch.refused(answer, 400, "token", "scope")


async def test_another_clients_token_is_not_exchanged(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.client("rival", grants=[Grant.TOKEN_EXCHANGE])
    token = (await log_in(client)).json()["access_token"]

    answer = await exchange(
        client, Grant.TOKEN_EXCHANGE, client_id="rival", scope="org:acme", subject_token=token,
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )  # fmt: skip

    await watch.refused(answer, 400, "token", "token_client")


async def test_exchanging_prolongs_nothing_and_ends_with_the_session(
    client: httpx.AsyncClient, world: World, clock: Any, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    tokens = (await log_in(client)).json()
    clock.advance(600)

    body = (
        await exchange(
            client, Grant.TOKEN_EXCHANGE, client_id="vestibule", scope="org:acme",
            subject_token=tokens["access_token"],
            subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        )
    ).json()  # fmt: skip
    await client.post("/api/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    answer = await client.get("/api/v1/user", headers=bearer(body["access_token"]))

    assert body["expires_in"] == 300
    await watch.refused(answer, 401, "access", "token_ended")


async def test_a_new_password_ends_all_other_sessions(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    thief, owner = (await log_in(client)).json(), (await log_in(client)).json()
    watch.keep("a wholly new passphrase here", thief["refresh_token"])

    changed = await client.post(
        "/api/v1/user/password",
        json={"current_password": PASSWORD, "new_password": "a wholly new passphrase here"},
        headers=bearer(owner["access_token"]),
    )

    assert changed.status_code == 204, changed.text
    access = await client.get("/api/v1/user", headers=bearer(thief["access_token"]))
    await watch.refused(access, 401, "access", "token_ended")
    refresh = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": thief["refresh_token"]}
    )
    await watch.refused(refresh, 400, "refresh", "session_ended")
    assert (await client.get("/api/v1/user", headers=bearer(owner["access_token"]))).is_success


async def test_a_stolen_token_alone_changes_no_password_and_is_no_way_to_guess_it(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    token = bearer((await log_in(client)).json()["access_token"])
    change = {"current_password": "a guess at it", "new_password": "a wholly new passphrase here"}
    watch.keep(*change.values())
    for _ in range(5):
        answer = await client.post("/api/v1/user/password", json=change, headers=token)
        await watch.refused(answer, 403, "password_change", "password")

    answer = await client.post("/api/v1/user/password", json=change, headers=token)

    await watch.refused(answer, 429, "password_change", "network_delay")


async def test_a_revoked_key_is_worth_nothing_at_once(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    own = bearer((await log_in(client)).json()["access_token"])
    key = (await client.post(KEYS, json={"name": "k"}, headers=own)).json()
    watch.keep(key["key"])
    assert (await client.get("/api/v1/user", headers={"X-API-Key": key["key"]})).is_success
    await client.delete(f"{KEYS}/{key['id']}", headers=own)

    for headers in (bearer(key["key"]), {"X-API-Key": key["key"]}):
        answer = await client.get("/api/v1/user", headers=headers)
        await watch.refused(answer, 401, "access", "api_key")
    told = await client.post(
        "/oauth2/introspect", data={"token": key["key"]}, headers=basic("service", secret)
    )
    assert told.json() == {"active": False}
    await watch.says("introspect", "api_key")


async def test_a_key_dies_with_its_owner_and_its_membership(
    client: httpx.AsyncClient, world: World, services: Services, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    own = bearer((await log_in(client)).json()["access_token"])
    wish = {"name": "k", "org_id": "acme"}
    key = (await client.post(KEYS, json=wish, headers=own)).json()["key"]

    await services.organizations.remove_member(key="acme", user_id=alice.id)
    removed = await client.get("/api/v1/org/acme", headers=bearer(key))
    told = await client.post(
        "/oauth2/introspect", data={"token": key}, headers=basic("service", secret)
    )
    await services.users.update(alice, is_active=False)
    disabled = await client.get("/api/v1/user", headers=bearer(key))

    assert removed.status_code == 404
    assert told.json() == {"active": False}
    await watch.refused(disabled, 401, "access", "api_key")


@pytest.mark.parametrize("place", ["secret", "id", "checksum"])
async def test_a_bent_key_is_none(
    client: httpx.AsyncClient, world: World, watch: Watch, place: str
) -> None:
    await world.user()
    own = bearer((await log_in(client)).json()["access_token"])
    key = (await client.post(KEYS, json={"name": "k"}, headers=own)).json()["key"]
    at = {"id": 10, "secret": 40, "checksum": -1}[place]
    bent = list(key)
    bent[at] = "0" if bent[at] != "0" else "1"
    watch.keep(key, "".join(bent))

    answer = await client.get("/api/v1/user", headers=bearer("".join(bent)))

    await watch.refused(answer, 401, "access", "api_key")


async def test_a_public_client_can_not_ask_about_tokens(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    token = (await log_in(client)).json()["access_token"]
    watch.keep(token)

    answer = await client.post(
        "/oauth2/introspect", data={"token": token, "client_id": "vestibule"}
    )

    await watch.refused(answer, 400, "introspect", "client_public")


async def test_no_client_ends_anothers_tokens(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    _, secret = await world.client("rival", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client)).json()
    watch.keep(tokens["access_token"], tokens["refresh_token"])

    for token in (tokens["access_token"], tokens["refresh_token"]):
        answer = await client.post(
            "/oauth2/revoke", data={"token": token}, headers=basic("rival", secret)
        )
        await watch.refused(answer, 400, "revoke", "token_client")

    assert (await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))).is_success
