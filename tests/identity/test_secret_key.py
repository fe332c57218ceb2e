"""Directories and the secret key: changed in order nobody notices, lost it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.identity.conftest import Configure
from tests.identity.fakes import directory, ldap
from tests.oauth.flows import hidden
from tests.orgs.people import signed_in
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.cli.doctor_directories import examine_directories
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

PATH = "/api/v1/directories"
NEW = SecretStr("another secret key, of 32 characters or more")
BOUND = ldap(bind_dn="cn=us", bind_password="what the directory knows us by")
PROVIDER = {
    "kind": "oidc",
    "issuer": "https://id.example",
    "client_id": "us",
    "client_secret": "what the provider knows us by",
}
Rekeyed = Callable[..., Services]


@pytest.fixture
async def rekeyed(settings: Settings, clock: FakeClock) -> AsyncIterator[Rekeyed]:
    """Makes services on the same database that have the new secret key, and these former ones."""
    async with AsyncExitStack() as stack:

        def make(*former: SecretStr | None) -> Services:
            clock.advance(1)  # so that the key that is made next is the newest
            keys = {"secret_key": NEW, "previous_secret_keys": tuple(former)}
            made = wire(settings.model_copy(update=keys), clock=clock)
            stack.push_async_callback(made.close)
            return made

        yield make


async def test_what_can_not_be_opened_refuses_its_people_until_it_is_saved_anew(
    configure: Configure, world: World, settings: Settings, rekeyed: Rekeyed
) -> None:
    await configure(domains=["corp.example"], connection=BOUND)
    await world.user("alice", email_address="alice@corp.example")
    other = rekeyed()
    await other.keys.rotate(now=True)

    async with make_client(other) as client:
        refused = await log_in(client, "alice@corp.example", PASSWORD)
        root = await signed_in(client, World(other), "root")
        (shown,) = (await client.get(PATH, headers=root)).json()
        changed = settings.model_copy(update={"secret_key": NEW})
        found = await asyncio.to_thread(lambda: list(examine_directories(changed)))
        anew = directory(domains=["corp.example"], connection=BOUND)
        saved = await client.put(f"{PATH}/corp", json=anew, headers=root)
        again = await log_in(client, "alice@corp.example", PASSWORD)

    # Not with the local password: the directory answers for this domain, and for nobody else.
    assert (refused.status_code, refused.json()["type"]) == (502, "bad_gateway_error")
    assert shown["configuration"]["domains"] == ["corp.example"]
    assert [(item.check, item.state) for item in found] == [("directory corp", "error")]
    assert "secret key" in (found[0].mend or "")
    assert saved.status_code == 200
    assert again.status_code == 401


async def test_a_provider_that_can_not_be_opened_keeps_its_place_and_its_secret(
    configure: Configure, world: World, settings: Settings, rekeyed: Rekeyed
) -> None:
    await configure(domains=["corp.example"], connection=PROVIDER)
    other = rekeyed()
    await other.keys.rotate(now=True)
    without = {**PROVIDER}
    del without["client_secret"]

    async with make_client(other) as client:
        root = await signed_in(client, World(other), "root")
        typed = await log_in(client, "ann@corp.example", PASSWORD)
        page = await client.get("/account")
        through = {"action": "sign_in", "through": "directory"}
        name = {"form_token": hidden(page.text, "form_token"), "username": "ann@corp.example"}
        left = await client.post("/account", data={**name, **through})
        anew = directory(domains=["corp.example"], connection=without)
        saved = await client.put(f"{PATH}/corp", json=anew, headers=root)
    former = settings.secret_key
    upstream = await rekeyed(former).registry.get("corp")

    assert (typed.status_code, left.status_code) == (403, 502)
    assert (saved.status_code, saved.json()["type"]) == (409, "conflict_error")
    assert upstream.configuration.secrets() == {"client_secret": PROVIDER["client_secret"]}


async def test_what_can_not_be_opened_can_be_removed(
    configure: Configure, world: World, rekeyed: Rekeyed
) -> None:
    await configure(connection=BOUND)
    other = rekeyed()
    await other.keys.rotate(now=True)

    async with make_client(other) as client:
        root = await signed_in(client, World(other), "root")
        removed = await client.delete(f"{PATH}/corp", headers=root)
        left = await client.get(PATH, headers=root)

    assert (removed.status_code, left.json()) == (204, [])


async def test_after_a_round_of_housekeeping_the_former_key_may_go(
    client: httpx.AsyncClient,
    configure: Configure,
    services: Services,
    settings: Settings,
    rekeyed: Rekeyed,
) -> None:
    await configure(connection=BOUND)

    await rekeyed(settings.secret_key).housekeeping.round()
    again = await rekeyed(settings.secret_key).registry.reseal()
    alone = rekeyed()
    upstream = await alone.registry.get("corp")

    assert again == 0
    assert upstream.unusable == ""
    assert upstream.configuration.secrets() == {"bind_password": BOUND["bind_password"]}
