"""Refresh tokens in the wrong hands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.attacks import forge
from tests.attacks.watch import Watch
from tests.e2e.server import pair
from tests.oauth.flows import approve_device, basic, bearer, exchange, sign_in_page
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.wiring import Services

REFRESH = "/api/v1/auth/refresh"


async def renew(client: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token, **more})


async def test_a_replay_ends_the_family_and_both_halves_of_it(
    client: httpx.AsyncClient, world: World, clock: FakeClock, watch: Watch
) -> None:
    await world.user()
    first = (await log_in(client)).json()
    second = (await renew(client, first["refresh_token"])).json()
    watch.keep(first["refresh_token"], second["refresh_token"], second["access_token"])
    clock.advance(11)

    replay = await renew(client, first["refresh_token"])

    await watch.refused(replay, 400, "refresh", "refresh_replay")
    owner = await renew(client, second["refresh_token"])
    await watch.refused(owner, 400, "refresh", "session_ended")
    access = await client.get("/api/v1/user", headers=bearer(second["access_token"]))
    await watch.refused(access, 401, "access", "token_ended")


async def test_an_old_token_is_a_replay_even_within_the_grace_of_a_younger_one(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    first = (await log_in(client)).json()
    second = (await renew(client, first["refresh_token"])).json()
    await renew(client, second["refresh_token"])

    replay = await renew(client, first["refresh_token"])

    await watch.refused(replay, 400, "refresh", "refresh_replay")


async def test_another_clients_token_is_refused_and_its_family_lives_on(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    await world.client("portal")
    await world.client("rival")
    token = (await log_in(client, client_id="portal")).json()["refresh_token"]
    watch.keep(token)

    for thief in ("rival", "vestibule"):
        answer = await renew(client, token, client_id=thief)

        await watch.refused(answer, 400, "refresh", "refresh_client")
        standard = await exchange(client, "refresh_token", refresh_token=token, client_id=thief)
        await watch.refused(standard, 400, "token", "refresh_client")

    assert (await renew(client, token, client_id="portal")).status_code == 200


def _bent(token: str, position: int) -> str:
    other = "A" if token[position] != "A" else "B"
    return token[:position] + other + token[position + 1 :]


async def test_a_forged_tag_ends_nobodys_family(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    token = (await log_in(client)).json()["refresh_token"]
    watch.keep(token)
    forgeries = [
        _bent(token, position) for position in (5, 20, 40, 60, len(token) - 3)
    ] + [
        token + "A", token[:-1], token + "=", token.upper(), f" {token}", f"{token}\n",
        "vsr_" + forge.b64(bytes(64)), "vsr_", "vsr_" + "é" * 86, token.replace("vsr_", "vst_"),
    ]  # fmt: skip

    for forged in forgeries:
        answer = await renew(client, forged)

        await watch.refused(answer, 400, "refresh", "refresh_unknown")

    assert (await renew(client, token)).status_code == 200


async def test_no_scope_is_won_by_refreshing(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("other")
    await world.client("portal", scopes=["openid", "profile", "api:write"])
    token = (await log_in(client, client_id="portal", scope="openid org:acme")).json()[
        "refresh_token"
    ]

    for scope, status, cause in (
        ("openid api:write", 400, "scope"),
        ("openid\tapi:write", 400, "scope"),
        ("org:acme\u2003api:write", 400, "scope"),
        ("org:other", 404, "org_unknown"),
        ("org:acme org:other", 400, "scope"),
    ):
        answer = await renew(client, token, client_id="portal", scope=scope)

        await watch.refused(answer, status, "refresh", cause)

    kept = await renew(client, token, client_id="portal")
    assert kept.json()["scope"] == "openid"


async def test_a_browsers_cookie_is_no_refresh_token(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    await sign_in_page(client, "/login/device")
    cookie = client.cookies["vestibule"]
    client.cookies.clear()
    watch.keep(cookie)

    answer = await renew(client, cookie)

    await watch.refused(answer, 400, "refresh", "refresh_kind")


async def test_a_refresh_token_is_no_cookie(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    token = (await log_in(client)).json()["refresh_token"]
    watch.keep(token)

    page = await client.get("/login/device", headers={"Cookie": f"vestibule={token}"})

    assert 'type="password"' in page.text


async def test_a_removed_member_is_refused_at_once(
    client: httpx.AsyncClient, world: World, services: Services, watch: Watch
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client, scope="org:acme")).json()
    watch.keep(tokens["access_token"], tokens["refresh_token"])
    asked = {"token": tokens["access_token"]}
    own = basic("service", secret)
    assert (await client.post("/oauth2/introspect", data=asked, headers=own)).json()["active"]

    await services.organizations.remove_member(key="acme", user_id=alice.id)

    told = await client.post("/oauth2/introspect", data=asked, headers=own)
    assert told.json() == {"active": False}
    await watch.says("introspect", "org_unknown")
    refresh = await renew(client, tokens["refresh_token"])
    await watch.refused(refresh, 400, "refresh", "org_unknown")
    exchanged = await exchange(
        client, Grant.TOKEN_EXCHANGE, client_id="vestibule", scope="org:acme",
        subject_token=tokens["access_token"],
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )  # fmt: skip
    assert exchanged.status_code == 400
    await watch.says("token", "token_ended")
    org = await client.get("/api/v1/org/acme", headers=bearer(tokens["access_token"]))
    await watch.refused(org, 404, "org_read", "org_stranger")


async def test_a_disabled_user_is_refused_at_once(
    client: httpx.AsyncClient, world: World, services: Services, watch: Watch
) -> None:
    alice = await world.user()
    tokens = (await log_in(client)).json()

    await services.users.update(alice, is_active=False)

    access = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    await watch.refused(access, 401, "access", "token_ended")
    refresh = await renew(client, tokens["refresh_token"])
    await watch.refused(refresh, 400, "refresh", "session_ended")


async def test_a_replay_at_the_other_instance_ends_the_family_at_both(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    with pair(tmp_path / "data", refresh_grace="0", **shared) as (first, second):
        username, password = first.first["username"], first.first["password"]
        async with (
            httpx.AsyncClient(base_url=first.url) as here,
            httpx.AsyncClient(base_url=second.url) as there,
        ):
            tokens = (await log_in(here, username, password)).json()
            spent = tokens["refresh_token"]
            following = (await renew(here, spent)).json()
            own = bearer(following["access_token"])
            before = await there.get("/api/v1/user", headers=own)

            replay = await renew(there, spent)
            owner = await renew(here, following["refresh_token"])
            after = await there.get("/api/v1/user", headers=own)
            fresh = (await log_in(here, username, password)).json()["refresh_token"]
            both = await asyncio.gather(renew(here, fresh), renew(there, fresh))

        assert replay.json()["type"] == owner.json()["type"] == "invalid_grant_error"
        assert (before.status_code, after.status_code) == (200, 401)
        assert sorted(answer.status_code for answer in both) == [200, 400]
        trail = first.cli("audit", "tail", "--json").stdout
        assert trail.count('"refresh_replay"') == 2, trail
        for secret in (spent, following["refresh_token"], fresh, password, PASSWORD):
            assert secret not in first.log + trail


@pytest.mark.parametrize("path", [REFRESH, "/api/v1/auth/device/token", "/api/v1/auth/login"])
async def test_a_client_that_must_prove_its_key_gets_no_token_where_no_proof_is_taken(
    client: httpx.AsyncClient, world: World, watch: Watch, services: Services, path: str
) -> None:
    await world.user()
    await world.client("bound", grants=list(set(Grant) - {Grant.CLIENT_CREDENTIALS}),
                       dpop_bound=True)  # fmt: skip
    if path.endswith("login"):
        answer = await log_in(client, client_id="bound")
        event = "login"
    elif path.endswith("device/token"):
        started = (
            await client.post("/api/v1/auth/device/code", json={"client_id": "bound"})
        ).json()
        await approve_device(client, started["user_code"])
        asked = {"client_id": "bound", "device_code": started["device_code"]}
        answer = await client.post(path, json=asked)
        event = "device_token"
    else:
        answer = await renew(client, "vsr_any", client_id="bound")
        event = "refresh"

    await watch.refused(answer, 400, event, "dpop_missing")
    assert "access_token" not in answer.text
