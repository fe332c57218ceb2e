"""Whoever belongs to several organizations says which one a client is let into."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    authorization_query,
    exchange,
    hidden,
    query_of,
    sign_in_page,
)
from tests.orgs.people import trail
from tests.standards.parties import decoded
from tests.world import World
from vestibule.audit.models import Result
from vestibule.clients.models import Grant
from vestibule.users.models import User
from vestibule.wiring import Services

CHOOSE = "Choose an organization"


async def two(world: World, *, first_party: bool = True) -> User:
    """Alice, of two organizations, and a client."""
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("globex", alice)
    await world.client(
        "portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK],
        first_party=first_party,
    )  # fmt: skip
    return alice


async def asked(
    client: httpx.AsyncClient, pkce: Pkce | None = None, **changes: str | None
) -> httpx.Response:
    """What somebody sees of a request who signs in for it."""
    url = f"{AUTHORIZE}?{authorization_query('portal', pkce or Pkce(), **changes)}"
    answer = await sign_in_page(client, url)
    return await client.get(answer.headers["location"])


async def again(client: httpx.AsyncClient, **changes: str | None) -> httpx.Response:
    """The same for somebody who is signed in."""
    return await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce(), **changes)}")


async def choose(client: httpx.AsyncClient, page: httpx.Response, **fields: str) -> httpx.Response:
    form = {"action": "choose", "form_token": hidden(page.text, "form_token"), **fields}
    return await client.post(str(page.request.url), data=form)


async def organization_of(client: httpx.AsyncClient, location: str, pkce: Pkce) -> str:
    """Key of the organization that a code's token is for."""
    answer = await exchange(
        client, "authorization_code", code=query_of(location)["code"], redirect_uri=CALLBACK,
        code_verifier=pkce.verifier, client_id="portal",
    )  # fmt: skip
    _, claims = decoded(answer.json()["access_token"])
    return str(claims["org_key"])


async def test_the_organization_that_is_chosen_is_the_one_of_the_token(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await two(world)
    pkce = Pkce()
    page = await asked(client, pkce)

    on = await choose(client, page, org="globex")
    back = await client.get(on.headers["location"])

    assert CHOOSE in page.text
    assert "code" in query_of(back.headers["location"])
    assert await organization_of(client, back.headers["location"], pkce) == "globex"
    assert CHOOSE in (await again(client)).text
    assert await trail(services, "org_default") == []


async def test_what_is_to_be_entered_from_now_on_is_not_asked_again(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await two(world)
    page = await asked(client)

    await choose(client, page, org="globex", from_now_on="yes")

    pkce = Pkce()
    url = f"{AUTHORIZE}?{authorization_query('portal', pkce)}"
    location = (await client.get(url)).headers["location"]
    assert await organization_of(client, location, pkce) == "globex"
    globex = await services.organizations.get("globex")
    changed = await services.users.get(alice.id)
    assert changed is not None
    assert changed.default_org_id == globex.id
    (row,) = await trail(services, "org_default")
    assert (row.user_id, row.org_id, row.result) == (alice.id, globex.id, Result.SUCCESS)


async def test_selecting_an_account_asks_in_spite_of_a_default_and_only_once(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await two(world)
    acme = await services.organizations.get("acme")
    await services.users.update(alice, default_org_id=acme.id)

    page = await asked(client, prompt="select_account")
    on = await choose(client, page, org="globex")
    back = await client.get(on.headers["location"])

    assert CHOOSE in page.text
    assert 'value="acme" required checked' in page.text
    assert "code" in query_of(back.headers["location"])


async def test_a_client_that_needs_a_yes_is_let_into_what_was_chosen(
    client: httpx.AsyncClient, world: World
) -> None:
    await two(world, first_party=False)
    pkce = Pkce()
    page = await asked(client, pkce)

    on = await choose(client, page, org="globex")
    consent = await client.get(on.headers["location"])
    answer = await client.post(
        on.headers["location"],
        data={"action": "approve", "form_token": hidden(consent.text, "form_token")},
    )

    assert "Organization: <strong>Globex</strong>" in consent.text
    assert await organization_of(client, answer.headers["location"], pkce) == "globex"


@pytest.mark.parametrize("prompt", [None, "login", "select_account"])
async def test_who_names_one_is_not_asked(
    client: httpx.AsyncClient, world: World, prompt: str | None
) -> None:
    await two(world)

    answer = await asked(client, scope="openid org:globex", prompt=prompt)

    assert "code" in query_of(answer.headers["location"])


async def test_who_can_enter_one_only_is_not_asked(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await two(world)
    await services.organizations.update("globex", is_active=False)

    answer = await asked(client, prompt="select_account")

    assert "code" in query_of(answer.headers["location"])


async def test_a_default_that_can_not_be_entered_is_none(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await two(world)
    initech = await world.org("initech")
    await services.users.update(alice, default_org_id=initech.id)

    assert CHOOSE in (await asked(client)).text


async def test_without_a_page_there_is_an_error_only_where_there_is_no_default(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await two(world)
    await asked(client)

    without = await again(client, prompt="none")
    acme = await services.organizations.get("acme")
    await services.users.update(alice, default_org_id=acme.id)
    with_default = await again(client, prompt="none")

    assert query_of(without.headers["location"])["error"] == "interaction_required"
    assert "code" in query_of(with_default.headers["location"])


async def test_nothing_chosen_is_told_on_the_page(client: httpx.AsyncClient, world: World) -> None:
    await two(world)

    answer = await choose(client, await asked(client))

    assert answer.status_code == 422
    assert "Choose an organization." in answer.text


@pytest.mark.parametrize("org", ["initech", "nowhere"])
async def test_an_organization_of_others_is_not_chosen(
    client: httpx.AsyncClient, world: World, services: Services, org: str
) -> None:
    alice = await two(world)
    await world.org("initech")

    answer = await choose(client, await asked(client), org=org, from_now_on="yes")

    assert answer.status_code == 403
    assert await services.users.get(alice.id) == alice


async def test_a_choice_is_for_own_forms_and_no_consent(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    alice = await two(world, first_party=False)
    page = await asked(client)
    url, token = str(page.request.url), hidden(page.text, "form_token")

    forms = [
        {"action": "choose", "form_token": "", "org": "acme", "from_now_on": "yes"},
        {"action": "approve", "form_token": token, "org": "acme"},
    ]
    answers = [await client.post(url, data=form) for form in forms]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert await services.users.get(alice.id) == alice
