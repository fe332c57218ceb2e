"""Sign-ins by a second Vestibule, over its password grant and in a browser."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from tests.e2e.server import Server
from tests.identity.oidc.conftest import CALLBACK, HERE
from tests.oauth.flows import hidden
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.errors import BadGateway
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.identity.oidc.connector import OidcConnector
from vestibule.identity.repository import identities_of
from vestibule.sessions.models import sessions
from vestibule.wiring import Services

PAGE = "/login/device"


def connector(connection: dict[str, Any], clock: FakeClock, **fields: Any) -> OidcConnector:
    return OidcConnector(OidcConfiguration.model_validate({**connection, **fields}), clock=clock)


# The password grant


@pytest.mark.parametrize("authentication", ["client_secret_basic", "client_secret_post"])
async def test_the_right_password_brings_the_person(
    connection: dict[str, Any], clock: FakeClock, authentication: str
) -> None:
    asked = connector(connection, clock, client_authentication=authentication)

    profile = await asked.authenticate("ann", SecretStr(PASSWORD))
    await asked.close()

    assert profile is not None
    assert (profile.username, profile.email_address) == ("ann", "ann@corp.example")
    assert profile.email_verified
    assert profile.first_name == "Ann"


async def test_claims_are_named_by_the_configuration(
    connection: dict[str, Any], clock: FakeClock
) -> None:
    asked = connector(connection, clock, scopes=["openid"], username_claim="sub")

    profile = await asked.authenticate("ann", SecretStr(PASSWORD))
    wrong = await asked.authenticate("ann", SecretStr("wrong"))
    nobody = await asked.authenticate("nobody", SecretStr(PASSWORD))
    await asked.close()

    assert profile is not None
    assert (profile.username, profile.email_address) == (profile.subject, None)
    assert (wrong, nobody) == (None, None)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"client_secret": "wrong"}, "directory_credentials"),
        ({"issuer": "{url}/"}, "directory_issuer"),
        ({"issuer": "{url}/nowhere"}, "directory_refused"),
        ({"issuer": "https://127.0.0.1:{port}"}, "directory_unreachable"),
    ],
)
async def test_what_is_configured_wrong_shows_when_it_is_tried(
    connection: dict[str, Any],
    clock: FakeClock,
    upstream: Server,
    fields: dict[str, str],
    cause: str,
) -> None:
    values = {k: v.format(url=upstream.url, port=upstream.port) for k, v in fields.items()}
    asked = connector(connection, clock, **values)

    with pytest.raises(BadGateway) as caught:
        await asked.check()
    await asked.close()

    assert caught.value.cause == cause


async def test_a_good_configuration_passes(connection: dict[str, Any], clock: FakeClock) -> None:
    asked = connector(connection, clock)
    await asked.check()
    await asked.close()


async def test_a_login_end_to_end(client: httpx.AsyncClient, services: Services) -> None:
    right = await log_in(client, "ann@corp.example", PASSWORD)
    wrong = await log_in(client, "ann@corp.example", "wrong")
    again = await log_in(client, "ann@corp.example", PASSWORD)

    assert (right.status_code, wrong.status_code, again.status_code) == (200, 401, 200)
    user = await services.users.named("ann")
    assert (user.email_address, user.password_hash) == ("ann@corp.example", None)
    identities = await services.database.read(lambda c: identities_of(c, user.id))
    assert [identity.directory for identity in identities] == ["corp"]


# In the browser


async def leave(client: httpx.AsyncClient, username: str = "ann@corp.example") -> httpx.Response:
    """Ask on our sign-in page to sign in elsewhere."""
    page = await client.get(PAGE)
    form = {
        "action": "sign_in",
        "form_token": hidden(page.text, "form_token"),
        "username": username,
        "through": "directory",
    }
    return await client.post(PAGE, data=form)


def address_of(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'content="0; url=([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


async def sign_in_there(address: str, password: str = PASSWORD) -> str:
    """Sign in at the other Vestibule; where its answer sends the browser."""
    async with httpx.AsyncClient(timeout=30) as browser:
        page = await browser.get(address)
        form = {
            "action": "sign_in",
            "form_token": hidden(page.text, "form_token"),
            "username": "ann",
            "password": password,
        }
        signed = await browser.post(address, data=form)
        assert signed.status_code == 303, signed.text
        there = urlsplit(address)
        back = await browser.get(f"{there.scheme}://{there.netloc}{signed.headers['location']}")
    assert back.status_code == 303, back.text
    location: str = back.headers["location"]
    return location


async def test_a_browser_signs_in_there_and_goes_on_here(
    client: httpx.AsyncClient, services: Services
) -> None:
    left = await leave(client)
    address = address_of(left)
    location = await sign_in_there(address)
    arrived = await client.get(location)
    page = await client.get(PAGE)

    asked = parse_qs(urlsplit(address).query)
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["login_hint"] == ["ann@corp.example"]
    assert location.startswith(CALLBACK)
    assert (arrived.status_code, arrived.headers["location"]) == (303, PAGE)
    assert "Sign out" in page.text or "ann" in page.text
    user = await services.users.named("ann")
    kept = select(sessions.c.directory).where(sessions.c.user_id == user.id)
    assert await services.database.read(lambda c: list(c.scalars(kept))) == ["corp"]


async def test_the_way_back_works_once(client: httpx.AsyncClient) -> None:
    location = await sign_in_there(address_of(await leave(client)))
    assert (await client.get(location)).status_code == 303

    assert (await client.get(location)).status_code == 403


async def test_another_browser_can_not_arrive_with_it(
    client: httpx.AsyncClient, services: Services
) -> None:
    from tests.conftest import make_client

    location = await sign_in_there(address_of(await leave(client)))

    async with make_client(services) as other:
        begun = await leave(other)
        refused = await other.get(location)

    assert begun.status_code == 200
    assert refused.status_code == 403
    assert "Begin" in refused.text or "begin" in refused.text


async def test_not_even_with_the_cookie_of_the_way(
    client: httpx.AsyncClient, services: Services
) -> None:
    from tests.conftest import make_client

    location = await sign_in_there(address_of(await leave(client)))

    async with make_client(services) as other:
        await other.get(PAGE)  # a browser that is known here, yet another one
        other.cookies.set("vestibule-directory", client.cookies["vestibule-directory"])
        refused = await other.get(location)

    assert refused.status_code == 403


@pytest.mark.parametrize("change", ["state", "code", "iss", "error", "late", "key"])
async def test_what_does_not_fit_is_refused(
    client: httpx.AsyncClient, clock: FakeClock, change: str
) -> None:
    location = await sign_in_there(address_of(await leave(client)))
    query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
    url = CALLBACK
    match change:
        case "state":
            query["state"] = "another"
        case "code":
            query["code"] = "another"
        case "iss":
            query["iss"] = "https://mallory.example"
        case "error":
            query = {"state": query["state"], "error": "access_denied"}
        case "late":
            clock.advance(600)
        case "key":
            url = CALLBACK.replace("corp", "other")

    response = await client.get(url, params=query)

    assert response.status_code in (401, 403)
    assert "__Host-vestibule=" not in str(response.headers)
    assert "vestibule=" not in response.headers.get("set-cookie", "")


async def test_a_name_that_no_directory_knows_is_told_so(client: httpx.AsyncClient) -> None:
    response = await leave(client, "somebody@else.example")

    assert response.status_code == 404
    assert "No directory is known for this name" in response.text


async def test_the_form_must_be_ours(client: httpx.AsyncClient) -> None:
    await client.get(PAGE)

    response = await client.post(
        PAGE,
        data={
            "action": "sign_in", "form_token": "x", "username": "a@corp.example",
            "through": "directory",
        },
    )  # fmt: skip

    assert response.status_code == 403
    assert HERE not in response.text


async def test_an_account_of_that_name_is_a_conflict(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("ann", email_address=None)
    location = await sign_in_there(address_of(await leave(client)))

    response = await client.get(location)

    assert response.status_code == 409
    assert "link" in response.text
