"""The verifier against the service itself: its metadata, keys, introspection, and its tokens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.e2e.server import Server
from tests.verify.issuer import Holder
from tests.world import LOGIN, PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.verify import (
    AccessToken,
    ExpiredToken,
    IntrospectionOptions,
    IntrospectionUnavailable,
    InvalidToken,
    KeysUnavailable,
    Verifier,
)
from vestibule.wiring import Services, wire

URL = "https://api.example.org/projects"


@pytest.fixture
async def verifier(
    client: httpx.AsyncClient, settings: Settings, clock: FakeClock
) -> AsyncIterator[Verifier]:
    made = Verifier(issuer=settings.public_url, async_client=client, clock=clock)
    yield made
    await made.aclose()


@pytest.fixture
async def asking(
    client: httpx.AsyncClient, settings: Settings, clock: FakeClock, world: World
) -> AsyncIterator[Verifier]:
    """A verifier that introspects, as a confidential client of its own."""
    _, secret = await world.client("api", kind=ClientKind.CONFIDENTIAL, grants=[])
    options = IntrospectionOptions(client_id="api", client_secret=SecretStr(secret))
    made = Verifier(
        issuer=settings.public_url, introspection=options, async_client=client, clock=clock
    )
    yield made
    await made.aclose()


async def _token(client: httpx.AsyncClient, *, scope: str = "") -> str:
    response = await log_in(client, "alice", scope=scope)
    token: str = response.json()["access_token"]
    return token


async def test_a_token_of_a_login_is_good(
    client: httpx.AsyncClient, world: World, verifier: Verifier, clock: FakeClock
) -> None:
    alice = await world.user("alice")
    acme = await world.org("acme", alice, role=Role.ADMIN)
    token = await _token(client, scope="openid org:acme")

    found = await verifier.averify(token)

    assert found.subject == str(alice.id)
    assert found.client_id == "vestibule"
    assert found.has_scopes("openid")
    assert (found.org_id, found.org_key, found.org_role) == (str(acme.id), "acme", "admin")
    assert found.session_id
    assert found.auth_time == found.issued_at == clock.now
    assert found.expires_at == clock.now + 900
    clock.advance(910)
    with pytest.raises(ExpiredToken):
        await verifier.averify(token)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_each_algorithm_of_the_service_is_understood(
    settings: Settings, clock: FakeClock, algorithm: str
) -> None:
    changed = settings.model_copy(update={"signing_algorithm": algorithm})
    services = wire(changed, clock=clock)
    await services.keys.ensure()
    async with make_client(services) as client:
        await World(services).user("alice")
        verifier = Verifier(issuer=settings.public_url, async_client=client, clock=clock)

        assert await verifier.averify(await _token(client))
    await services.close()


async def test_an_id_token_is_no_access_token(
    services: Services, world: World, verifier: Verifier, client: httpx.AsyncClient
) -> None:
    await world.user("alice")
    await world.client("portal")
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    form |= {"client_id": "portal", "scope": "openid"}
    answer = (await client.post("/oauth2/token", data=form)).json()

    assert await verifier.averify(answer["access_token"])
    with pytest.raises(InvalidToken):
        await verifier.averify(answer["id_token"])


async def test_a_rotation_is_followed_without_a_pause(
    services: Services, client: httpx.AsyncClient, world: World, verifier: Verifier
) -> None:
    await world.user("alice")
    before = await _token(client)
    await verifier.averify(before)

    await services.keys.rotate(now=True)
    after = await _token(client)

    assert await verifier.averify(after)
    assert await verifier.averify(before)


async def test_a_key_that_was_compromised_is_out_when_the_keys_are_renewed(
    services: Services, client: httpx.AsyncClient, world: World, verifier: Verifier,
    clock: FakeClock,
) -> None:  # fmt: skip
    await world.user("alice")
    token = await _token(client)
    await verifier.averify(token)
    signer = await services.keys.signer()

    await services.keys.revoke(signer.kid)
    clock.advance(301)

    with pytest.raises(InvalidToken):
        await verifier.averify(token)


async def test_a_token_that_was_revoked_is_out_within_the_minute(
    client: httpx.AsyncClient, world: World, asking: Verifier, verifier: Verifier,
    clock: FakeClock,
) -> None:  # fmt: skip
    await world.user("alice")
    token = await _token(client)
    assert await asking.averify(token)

    revoked = await client.post("/oauth2/revoke", data={"token": token, "client_id": "vestibule"})
    assert revoked.status_code == 200
    clock.advance(60)

    with pytest.raises(InvalidToken):
        await asking.averify(token)
    assert await verifier.averify(token)


async def test_a_member_who_was_removed_is_out_within_the_minute(
    client: httpx.AsyncClient, world: World, asking: Verifier, clock: FakeClock
) -> None:
    alice, owner = await world.user("alice"), await world.user("owner")
    await world.org("acme", alice)
    await world.services.organizations.add_member(key="acme", user_id=owner.id, role=Role.OWNER)
    token = await _token(client, scope="openid org:acme")
    assert (await asking.averify(token)).org_key == "acme"

    login = await log_in(client, "owner", scope="api:read api:write org:acme")
    removed = await client.delete(
        f"/api/v1/org/acme/members/{alice.id}",
        headers={"Authorization": f"Bearer {login.json()['access_token']}"},
    )
    assert removed.status_code == 204
    clock.advance(60)

    with pytest.raises(InvalidToken):
        await asking.averify(token)


async def test_an_api_key_is_good_until_it_is_revoked(
    client: httpx.AsyncClient, world: World, asking: Verifier, verifier: Verifier,
    clock: FakeClock,
) -> None:  # fmt: skip
    alice = await world.user("alice")
    token = await _token(client, scope="api:read api:write")
    headers = {"Authorization": f"Bearer {token}"}
    made = await client.post("/api/v1/user/api-keys", json={"name": "a key"}, headers=headers)
    assert made.status_code == 201
    key, key_id = made.json()["key"], made.json()["id"]

    found = await asking.averify(key)

    assert found.subject == str(alice.id)
    assert found.has_scopes("api:read")
    with pytest.raises(InvalidToken):
        await verifier.averify(key)
    await client.delete(f"/api/v1/user/api-keys/{key_id}", headers=headers)
    clock.advance(60)
    with pytest.raises(InvalidToken):
        await asking.averify(key)


async def test_a_token_that_is_bound_to_a_key_needs_its_proof(
    client: httpx.AsyncClient, world: World, verifier: Verifier, asking: Verifier,
    clock: FakeClock, settings: Settings,
) -> None:  # fmt: skip
    await world.user("alice")
    await world.client("portal")
    holder = Holder(clock)
    at_issuer = holder.proof("", url=f"{settings.public_url}/oauth2/token", method="POST", ath=None)
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    form |= {"client_id": "portal", "scope": "openid"}
    answer = await client.post("/oauth2/token", data=form, headers={"DPoP": at_issuer})
    assert answer.json()["token_type"] == "DPoP"
    token = answer.json()["access_token"]

    for one in (verifier, asking):
        found = await one.averify_dpop(token, holder.proof(token), method="GET", url=URL)
        assert found.cnf_jkt == holder.cnf["jkt"]
        with pytest.raises(InvalidToken):
            await one.averify(token)


async def test_a_wrong_secret_lets_nobody_in(
    client: httpx.AsyncClient, world: World, asking: Verifier, settings: Settings,
    clock: FakeClock,
) -> None:  # fmt: skip
    await world.user("alice")
    token = await _token(client)
    options = IntrospectionOptions(client_id="api", client_secret="wrong")
    wrong = Verifier(
        issuer=settings.public_url, introspection=options, async_client=client, clock=clock
    )

    with pytest.raises(IntrospectionUnavailable):
        await wrong.averify(token)


def test_threads_verify_the_tokens_of_a_running_service(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        form = {"username": "admin", "password": server.first["password"]}
        token = httpx.post(f"{server.url}{LOGIN}", data=form).json()["access_token"]
        verifier = Verifier(issuer=server.url)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(verifier.verify, [token] * 100))
        again = asyncio.run(_once(verifier, token))
        verifier.close()
    finally:
        server.stop(signal.SIGKILL)

    assert {one.subject for one in found} == {again.subject}
    assert verifier.verify(token) is again
    with pytest.raises(KeysUnavailable):
        Verifier(issuer=server.url).verify(token)


async def _once(verifier: Verifier, token: str) -> AccessToken:
    found = await verifier.averify(token)
    await verifier.aclose()
    return found
