"""The page of an invitation: joining is a deliberate yes of the person who was invited."""

from __future__ import annotations

import httpx

from tests.oauth.flows import bearer, hidden, sign_in_page
from tests.world import World, log_in
from vestibule.orgs.models import Role
from vestibule.wiring import Services


async def invited(client: httpx.AsyncClient, world: World, address: str) -> str:
    """The address of the page for an invitation of this person."""
    owner = await world.user("owner")
    await world.org("acme", owner, role=Role.OWNER)
    token = (await log_in(client, "owner")).json()["access_token"]
    made = await client.post(
        "/api/v1/org/acme/invitations",
        json={"email_address": address, "role": "member"},
        headers=bearer(token),
    )
    return f"/invitation?token={made.json()['token']}"


async def test_who_was_invited_signs_in_and_joins(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    bob = await world.user("bob")
    url = await invited(client, world, "bob@example.org")

    back = await sign_in_page(client, url, "bob")
    page = await client.get(back.headers["location"])
    form = {"action": "approve", "form_token": hidden(page.text, "form_token")}
    done = await client.post(url, data=form)

    assert "Join Acme?" in page.text
    assert done.status_code == 200
    assert "Welcome to Acme" in done.text
    (membership,) = await services.organizations.memberships_of(bob.id)
    assert membership.role is Role.MEMBER
    again = await client.get(url)
    assert again.status_code == 404


async def test_somebody_else_joins_nothing(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    mallory = await world.user("mallory")
    url = await invited(client, world, "bob@example.org")

    back = await sign_in_page(client, url, "mallory")
    page = await client.get(back.headers["location"])

    assert page.status_code == 404
    assert "Acme" not in page.text
    assert await services.organizations.memberships_of(mallory.id) == []


async def test_nobody_joins_without_the_form_of_the_page(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    bob = await world.user("bob")
    url = await invited(client, world, "bob@example.org")
    page = await client.get((await sign_in_page(client, url, "bob")).headers["location"])
    other = hidden(page.text, "form_token", before="Not you?")

    forged = [
        await client.post(url, data={"action": "approve"}),
        await client.post(url, data={"action": "approve", "form_token": other}),
        await client.post(
            url,
            data={"action": "approve", "form_token": hidden(page.text, "form_token")},
            headers={"Origin": "https://evil.example"},
        ),
    ]

    assert [answer.status_code for answer in forged] == [403, 403, 403]
    assert await services.organizations.memberships_of(bob.id) == []


async def test_not_now_changes_nothing(client: httpx.AsyncClient, world: World) -> None:
    await world.user("bob")
    url = await invited(client, world, "bob@example.org")
    page = await client.get((await sign_in_page(client, url, "bob")).headers["location"])

    form = {"action": "refuse", "form_token": hidden(page.text, "form_token")}
    done = await client.post(url, data=form)

    assert "stays open" in done.text
    assert "Join Acme?" in (await client.get(url)).text
