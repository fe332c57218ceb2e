"""What a sign-in is decided on holds until its commit, and a yes is for what was shown."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from tests.conftest import make_client
from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    approve_device,
    authorization_query,
    basic,
    bearer,
    code_of,
    exchange,
    query_of,
    sign_in_page,
)
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.apikeys.models import api_keys
from vestibule.clients.models import ClientKind, Grant
from vestibule.sessions.service import Origin, Spent
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

CODE = [Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN]


async def third_party(world: World, *, first_party: bool = False) -> None:
    """A client that is not the platform's own, and two organizations of alice."""
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("beta", alice)
    await world.client(
        "portal", grants=CODE, scopes=["openid", "api:read", "api:write"],
        redirect_uris=[CALLBACK], first_party=first_party,
    )  # fmt: skip


async def tokens_by_code(client: httpx.AsyncClient) -> dict[str, Any]:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce, scope="openid api:read api:write org:acme")
    answer = await exchange(
        client, "authorization_code", code=code, redirect_uri=CALLBACK,
        code_verifier=pkce.verifier, client_id="portal",
    )  # fmt: skip
    tokens: dict[str, Any] = answer.json()
    return tokens


async def test_a_client_stays_in_the_organization_that_the_person_has_let_it_into(
    client: httpx.AsyncClient, world: World
) -> None:
    await third_party(world)

    tokens = await tokens_by_code(client)
    own = bearer(tokens["access_token"])
    switch = await exchange(
        client, "refresh_token", client_id="portal", refresh_token=tokens["refresh_token"],
        scope="org:beta",
    )  # fmt: skip

    assert tokens["orgs"] == [{"key": "acme", "name": "Acme"}]
    assert (await client.get("/api/v1/org/acme", headers=own)).status_code == 200
    assert (await client.get("/api/v1/org/beta", headers=own)).status_code == 404
    listed = (await client.get("/api/v1/user/organizations", headers=own)).json()
    assert [organization["key"] for organization in listed] == ["acme"]
    assert switch.json()["error"] == "invalid_scope"
    key = await client.post("/api/v1/user/api-keys", json={"name": "wider"}, headers=own)
    wider = await client.get("/api/v1/org/beta", headers={"X-API-Key": key.json()["key"]})
    assert wider.status_code == 404


async def test_for_another_organization_the_person_is_asked_again(
    client: httpx.AsyncClient, world: World
) -> None:
    await third_party(world)
    await tokens_by_code(client)

    same = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid org:acme')}"
    )
    other = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid org:beta')}"
    )

    assert same.status_code == 303
    assert "code" in query_of(same.headers["location"])
    assert other.status_code == 200
    assert "Let portal in?" in other.text


async def test_the_platforms_own_client_goes_where_the_person_goes(
    client: httpx.AsyncClient, world: World
) -> None:
    await third_party(world, first_party=True)

    tokens = await tokens_by_code(client)
    switch = await exchange(
        client, "refresh_token", client_id="portal", refresh_token=tokens["refresh_token"],
        scope="org:beta",
    )  # fmt: skip

    assert len(tokens["orgs"]) == 2
    assert switch.status_code == 200


async def test_a_program_on_the_own_machine_is_never_let_in_silently(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    here = "http://127.0.0.1/callback"
    await world.client("native", grants=CODE, redirect_uris=[here], first_party=True)
    url = f"{AUTHORIZE}?{authorization_query('native', Pkce(), redirect_uri=here)}"
    back = (await sign_in_page(client, url)).headers["location"]

    asked = await client.get(back)
    silent = await client.get(f"{back}&prompt=none")

    assert "Let native in?" in asked.text
    assert query_of(silent.headers["location"])["error"] == "consent_required"


async def test_max_age_0_asks_once_and_not_for_ever(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    await world.user()
    await world.client("portal", grants=CODE, redirect_uris=[CALLBACK], first_party=True)
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), max_age='00')}"

    first = await sign_in_page(client, url)
    clock.advance(3)
    then = await client.get(first.headers["location"])
    again = await client.get(url)

    assert "code" in query_of(then.headers["location"])
    assert 'type="password"' in again.text


async def test_a_password_that_changes_meanwhile_ends_also_the_login_under_way(
    client: httpx.AsyncClient, world: World, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await world.user()
    verify = services.passwords.verify
    changed = asyncio.Event()

    async def slow(*args: object, **kwargs: object) -> object:
        found = await verify(*args, **kwargs)  # type: ignore[arg-type]
        await changed.wait()
        return found

    monkeypatch.setattr(services.passwords, "verify", slow)

    under_way = asyncio.create_task(log_in(client))
    await asyncio.sleep(0)
    await services.users.set_password(alice, SecretStr("another horse battery staple"))
    changed.set()
    answer = await under_way

    assert answer.status_code == 401
    assert await services.sessions.live_of(alice.id) == []


async def test_an_account_that_is_disabled_and_enabled_gets_no_session_back(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    tokens = (await log_in(client)).json()

    disabled = await services.users.update(alice, is_active=False)
    await services.users.update(disabled, is_active=True)

    answer = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 401


async def test_a_proof_at_the_refresh_binds_the_refresh_token_of_a_public_client(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()
    presented = services.sessions.refresh_tokens.parse(tokens["refresh_token"])
    assert presented is not None

    await services.sessions.rotate(
        presented, org_id=None, origin=Origin("127.0.0.1"), dpop_jkt="a thumbprint"
    )

    session = await services.sessions.get(presented.session_id)
    assert session is not None
    assert session.dpop_jkt == "a thumbprint"


async def test_no_token_outlives_its_session(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()
    for _ in range(29):
        clock.advance(86_400)
        body = {"refresh_token": tokens["refresh_token"]}
        tokens = (await client.post("/api/v1/auth/refresh", json=body)).json()
    clock.advance(86_400 - 300)
    body = {"refresh_token": tokens["refresh_token"]}

    last = (await client.post("/api/v1/auth/refresh", json=body)).json()

    assert last["expires_in"] == 300
    access = await services.tokens.verify(last["access_token"])
    assert access.expires_at == int(clock.now) + 300


async def test_a_neighbour_locks_nobody_out_who_has_proved_who_they_are(
    settings: Settings, client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    token = (await log_in(client, client_id="backend", client_secret=secret)).json()
    async with make_client(services) as neighbour:
        guesses = [
            await exchange(
                neighbour, "refresh_token", client_id="vestibule", refresh_token=f"vsr_{i}"
            )
            for i in range(125)
        ]

    told = await client.post(
        "/oauth2/introspect",
        data={"token": token["access_token"]},
        headers=basic("backend", secret),
    )
    refreshed = await exchange(
        client, "refresh_token", basic("backend", secret), refresh_token=token["refresh_token"]
    )

    assert guesses[-1].status_code == 429
    assert told.json()["active"] is True
    assert refreshed.status_code == 200


async def test_a_clients_own_token_ends_with_its_organization(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.org("acme")
    _, secret = await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        scopes=["jobs:run"], organizations=["acme"],
    )  # fmt: skip
    own = basic("job", secret)
    token = (await exchange(client, "client_credentials", own)).json()["access_token"]

    before = await client.post("/oauth2/introspect", data={"token": token}, headers=own)
    await services.organizations.update("acme", is_active=False)
    after = await client.post("/oauth2/introspect", data={"token": token}, headers=own)

    assert before.json()["active"] is True
    assert after.json() == {"active": False}


async def test_honest_device_logins_use_up_no_guesses(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()

    done = []
    for _ in range(25):
        started = (await client.post("/api/v1/auth/device/code")).json()
        done.append(await approve_device(client, started["user_code"]))
    wrong = [await client.get("/login/device?code=BBBB-BBBB") for _ in range(22)]

    assert {answer.status_code for answer in done} == {200}
    assert [answer.status_code for answer in wrong] == [404] * 20 + [429] * 2


async def test_secrets_are_taken_over_tls_only(services: Services, world: World) -> None:
    async with make_client(services, address="198.51.100.7") as remote:
        answers = [
            await remote.post("/api/v1/auth/logout", json={"refresh_token": "vsr_x"}),
            await remote.get("/api/v1/auth/device/code/anything"),
            await remote.post("/api/v1/auth/refresh", json={"refresh_token": "vsr_x"}),
            await remote.post("/oauth2/introspect", data={"token": "x", "client_id": "vestibule"}),
            await remote.get("/api/v1/user", headers=bearer("x")),
            await remote.get("/login/device"),
        ]

    assert [answer.status_code for answer in answers] == [426] * 6


async def test_of_logins_at_once_each_is_let_in_while_a_hash_is_upgraded(
    settings: Settings, client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await world.user()
    cheaper = wire(settings.model_copy(update={"argon2_memory": 16}), clock=services.clock)
    await cheaper.users.set_password(alice, SecretStr(PASSWORD))

    answers = await asyncio.gather(*(log_in(client) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [200] * 4
    await cheaper.close()


async def test_of_two_new_passwords_at_once_one_is_set(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    own, thief = (await log_in(client)).json(), (await log_in(client)).json()

    async def change(tokens: dict[str, str], new: str) -> int:
        answer = await client.post(
            "/api/v1/user/password",
            json={"current_password": PASSWORD, "new_password": new},
            headers=bearer(tokens["access_token"]),
        )
        return answer.status_code

    statuses = await asyncio.gather(
        change(own, "seven quiet lanterns"), change(thief, "eight noisy lanterns")
    )

    # The other's password is wrong by then, or its session has ended already.
    assert sorted(statuses) in ([204, 401], [204, 403])


async def test_signing_in_again_takes_back_nothing_that_was_approved(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await world.client("portal", grants=CODE, redirect_uris=[CALLBACK], first_party=True)
    started = (await client.post("/api/v1/auth/device/code")).json()
    await approve_device(client, started["user_code"])

    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), prompt='login')}"
    again = await sign_in_page(client, url)
    tokens = await client.post(
        "/api/v1/auth/device/token", json={"device_code": started["device_code"]}
    )

    assert again.status_code == 303
    assert tokens.status_code == 200, tokens.text


async def test_a_client_of_some_organizations_neither_sees_nor_ends_sessions(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.org("acme", await world.user())
    await world.client("portal", scopes=["api:read", "api:write"], organizations=["acme"])
    tokens = (await log_in(client, client_id="portal")).json()
    own = bearer(tokens["access_token"])

    answers = [
        await client.get("/api/v1/user/sessions", headers=own),
        await client.delete("/api/v1/user/sessions", headers=own),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


async def test_of_two_keys_at_once_one_binds_the_session(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()
    presented = services.sessions.refresh_tokens.parse(tokens["refresh_token"])
    assert presented is not None

    found = await asyncio.gather(
        *(
            services.sessions.rotate(
                presented, org_id=None, origin=Origin("127.0.0.1"), dpop_jkt=key
            )
            for key in ("first", "second", None)
        )
    )

    assert isinstance(found[0], SecretStr)
    assert found[1:] == [Spent.OTHER_KEY, Spent.OTHER_KEY]
    session = await services.sessions.get(presented.session_id)
    assert session is not None
    assert (session.dpop_jkt, session.ended_at) == ("first", None)


async def test_a_form_of_our_own_never_comes_to_stand_in_an_address(
    client: httpx.AsyncClient,
) -> None:
    form = {"client_id": "portal", "state": "x", "username": "alice", "password": PASSWORD}

    answer = await client.post(AUTHORIZE, data=form)

    assert answer.status_code == 303
    assert query_of(answer.headers["location"]) == {"client_id": "portal", "state": "x"}


async def test_no_key_is_made_from_a_session_that_has_just_ended(
    client: httpx.AsyncClient, world: World, services: Services, database_url: str
) -> None:
    alice = await world.user()
    tokens = (await log_in(client)).json()
    own = bearer(tokens["access_token"])

    _, made = await asyncio.gather(
        client.post("/api/v1/auth/logout", headers=own),
        client.post("/api/v1/user/api-keys", json={"name": "late"}, headers=own),
    )

    keys = await services.database.read(
        lambda c: c.execute(select(api_keys.c.id).where(api_keys.c.user_id == alice.id)).all()
    )
    # Where several write at once, the key may have come before the end.
    before = [] if database_url.startswith("sqlite") else [(201, 1)]
    assert (made.status_code, len(keys)) in [(401, 0), *before]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.org/auth", "https://id.example.org?x=1", "https://user:pw@id.example.org",
        "https://id example.org", "https://id.example.org\\x", "HTTPS://Id.Example.org", "ftp://x",
        "https://",
    ],
)  # fmt: skip
def test_an_issuer_is_an_origin(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Settings(issuer=issuer)

    assert Settings(issuer="https://id.example.org:8443/").issuer == "https://id.example.org:8443"
