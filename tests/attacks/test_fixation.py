"""Whose sign-in it is: whatever was in a browser before somebody signs in there counts no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.attacks.house import CONSENT, SCOPES
from tests.attacks.ways import arrive, leave
from tests.conftest import make_client
from tests.identity.oidc.provider import Provider
from tests.mail.server import Postbox, postbox
from tests.oauth.flows import CALLBACK, hidden, sign_in_page
from tests.pages.rooms import enter, send
from tests.world import PASSWORD, FakeClock, World
from vestibule.clients.models import Grant
from vestibule.pages.browser import Visitor
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

pytestmark = pytest.mark.once

NEW = "a password that is new and long"


@pytest.fixture
async def mailing(settings: Settings, clock: FakeClock) -> AsyncIterator[tuple[Services, Postbox]]:
    async with postbox() as box:
        changes: dict[str, Any] = {
            "smtp_url": SecretStr(f"smtp://{box.url}"), "mail_from": "noreply@example.org",
        }  # fmt: skip
        services = wire(settings.model_copy(update=changes), clock=clock)
        await services.keys.ensure()
        yield services, box
        await services.close()


async def plant(services: Services, client: httpx.AsyncClient) -> dict[str, str]:
    """Mallory's own cookies, live, in the browser of somebody else."""
    async with make_client(services) as mallory:
        await enter(mallory, "/account", "mallory")
        planted = {name: mallory.cookies[name] for name in ("vestibule", "vestibule-visit")}
    client.cookies.update(planted)
    return planted


async def assert_nothing_is_left(
    services: Services, client: httpx.AsyncClient, planted: dict[str, str], *, who: str
) -> None:
    """See that the browser is another one now, and that what was planted opens nothing."""
    now = {cookie.name: cookie.value or "" for cookie in client.cookies.jar if cookie.domain}
    assert now["vestibule"] != planted["vestibule"]
    assert now["vestibule-visit"] != planted["vestibule-visit"]
    cookies = {"Cookie": f"vestibule={now['vestibule']}; vestibule-visit={now['vestibule-visit']}"}
    assert who in (await client.get("/account", headers=cookies)).text
    for session, visit in (
        (planted["vestibule"], planted["vestibule-visit"]),
        (planted["vestibule"], now["vestibule-visit"]),
    ):
        async with make_client(services) as attacker:
            attacker.cookies.update({"vestibule": session, "vestibule-visit": visit})
            assert 'type="password"' in (await attacker.get("/account")).text


@pytest.mark.parametrize("place", ["/account", "/account/keys/new", "/login/device", CONSENT,
                                   "/invitation?token=x", "/admin"])  # fmt: skip
async def test_a_sign_in_by_password_takes_nothing_over(
    client: httpx.AsyncClient, world: World, services: Services, place: str
) -> None:
    await world.user("alice", is_admin=True)
    await world.user("mallory")
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK],
                       scopes=SCOPES)  # fmt: skip
    planted = await plant(services, client)
    # Mallory's page knows the token of a sign-in in this browser: that alone is no way around.
    session = await services.sessions.of_cookie(planted["vestibule"], address="127.0.0.1")
    visitor = Visitor(planted["vestibule-visit"], is_new=False, session=session)
    token = services.browser.form_token(visitor, "sign_in")

    signed = await client.post(place, data={
        "action": "sign_in", "form_token": token, "username": "alice", "password": PASSWORD,
    })  # fmt: skip

    assert signed.status_code == 303
    await assert_nothing_is_left(services, client, planted, who="alice")


async def test_a_sign_in_through_a_directory_takes_nothing_over(
    over: Services, there: Provider
) -> None:
    await World(over).user("mallory")
    async with make_client(over) as client:
        planted = await plant(over, client)
        session = await over.sessions.of_cookie(planted["vestibule"], address="127.0.0.1")
        visitor = Visitor(planted["vestibule-visit"], is_new=False, session=session)
        token = over.browser.form_token(visitor, "sign_in")

        arrived = await arrive(client, over, there, await leave(client, "/account", token=token))

        assert arrived.status_code == 303
        await assert_nothing_is_left(over, client, planted, who="ann")


async def test_a_new_password_by_mail_signs_nobody_in_and_ends_what_was_there(
    mailing: tuple[Services, Postbox],
) -> None:
    services, box = mailing
    await World(services).user("alice")
    async with make_client(services) as client, make_client(services) as thief:
        await enter(thief, "/account", "alice")
        planted = {name: thief.cookies[name] for name in ("vestibule", "vestibule-visit")}
        client.cookies.update(planted)
        await client.post("/api/v1/auth/password/forgotten", json={"username": "alice"})
        await asyncio.gather(*services.recovery._tasks)
        await asyncio.gather(*services.outbox._tasks)
        url = "/reset?token=" + box.messages[-1].get_content().partition("?token=")[2].split()[0]
        token = hidden((await client.get(url)).text, "form_token")

        done = await client.post(url, data={"form_token": token, "password": NEW})
        after = await client.get("/account")
        signed = await sign_in_page(client, "/account", "alice", NEW)

        assert done.status_code == 200
        assert "set-cookie" not in done.headers
        assert 'type="password"' in after.text
        assert signed.status_code == 303
        await assert_nothing_is_left(services, client, planted, who="alice")


async def test_a_new_password_on_the_own_page_ends_what_others_hold(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    await world.user("alice")
    async with make_client(services) as thief:
        await enter(thief, "/account", "alice")
        await enter(client, "/account", "alice")
        page = "/account/password"
        await send(client, page, "change", current_password=PASSWORD, new_password=NEW)

        assert 'type="password"' in (await thief.get("/account")).text
