"""The pages on which an organization lets an identity provider in."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.conftest import make_client
from tests.oauth.flows import hidden
from tests.orgs.people import people, trail
from tests.pages.rooms import done, enter, require_own_forms, send, send_anyway, token_of
from tests.scim.conftest import Provider
from tests.world import FakeClock, World
from vestibule.orgs.models import Role
from vestibule.wiring import Services

PAGE = "/organizations/acme/provisioning"
NEW = f"{PAGE}/new"
EVIL = "<script>alert(1)</script>\"'"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"


def secret_of(page: httpx.Response) -> str:
    found = re.search(r'<code id="secret">([^<]+)</code>', page.text)
    assert found, page.text
    return found[1]


async def provider(client: httpx.AsyncClient, name: str = "Directory") -> Provider:
    """What speaks with a token that is made on the page."""
    made = await send(client, NEW, "make", name=name, lifetime="90")
    assert made.status_code == 200, made.text
    return Provider(client, secret_of(made))


async def staffed(client: httpx.AsyncClient) -> tuple[Provider, dict[str, str]]:
    """A provider that has brought a group, and what forms about them say."""
    await enter(client, NEW, "owner")
    there = await provider(client)
    await there.group("Staff")
    page = (await client.get(PAGE)).text
    return there, {name: hidden(page, name) for name in ("scim_token", "group")}


async def test_a_token_is_shown_once_works_and_is_revoked(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, NEW, "admin")

    there = await provider(client)
    before = await there.ask("GET", "/Users")
    page = await client.get(PAGE)
    answer = await send(client, PAGE, "revoke", scim_token=hidden(page.text, "scim_token"))
    revoked = await done(client, answer)
    after = await there.ask("GET", "/Users")

    assert (before.status_code, after.status_code) == (200, 401)
    assert "Directory" in page.text
    assert "http://127.0.0.1:8000/scim/v2" in page.text
    assert there.token not in page.text
    assert "The token is revoked." in revoked
    assert "Directory" not in revoked
    admin = (await services.users.named("admin")).id
    for event in ("scim_admit", "scim_revoke"):
        assert [row.user_id for row in await trail(services, event)] == [admin]


@pytest.mark.parametrize(("lifetime", "days"), [("90", 90), ("365", 365), ("never", None)])
async def test_a_token_ends_when_it_was_said(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock,
    lifetime: str, days: int | None,
) -> None:  # fmt: skip
    await people(world)
    await enter(client, NEW, "owner")
    made = await send(client, NEW, "make", name="Directory", lifetime=lifetime)
    there = Provider(client, secret_of(made))

    clock.advance((days or 4000) * 86400 - 1)
    shortly_before = await there.ask("GET", "/Users")
    clock.advance(2)
    then = await there.ask("GET", "/Users")

    assert shortly_before.status_code == 200
    assert then.status_code == (401 if days else 200)


async def test_a_group_gives_its_members_the_role_that_is_chosen(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, NEW, "admin")
    there = await provider(client)
    user = await there.user("bjensen")
    await there.group(EVIL, user["id"])
    acme = await services.organizations.get("acme")

    async def role() -> Role | None:
        found = await services.members.of(acme.id)
        return next(member.role for member in found if member.username == "bjensen")

    page = await client.get(PAGE)
    group = hidden(page.text, "group")
    given = await done(client, await send(client, PAGE, "map", group=group, role="admin"))
    as_admin = await role()
    await done(client, await send(client, PAGE, "map", group=group, role=""))

    assert SHOWN in page.text
    assert EVIL not in page.text
    assert '<option value="admin" selected>' in given
    assert (as_admin, await role()) == (Role.ADMIN, Role.MEMBER)


async def test_a_group_makes_nobody_an_owner(client: httpx.AsyncClient, world: World) -> None:
    await people(world)
    _, named = await staffed(client)

    refused = await send(client, PAGE, "map", role="owner", **named)

    assert refused.status_code == 422
    assert "A group makes nobody an owner." in refused.text
    assert '<option value="owner"' not in refused.text


async def test_many_groups_are_on_several_pages(client: httpx.AsyncClient, world: World) -> None:
    await people(world)
    await enter(client, NEW, "admin")
    there = await provider(client)
    names = {(await there.group(f"Group {number}."))["displayName"] for number in range(51)}

    first = await client.get(PAGE)
    further = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert further
    second = await client.get(further[1])
    shown = [set(re.findall(r"<strong>(Group \d+\.)</strong>", p.text)) for p in (first, second)]

    assert [len(some) for some in shown] == [50, 1]
    assert shown[0] | shown[1] == names
    assert 'rel="next"' not in second.text


@pytest.mark.parametrize("path", [PAGE, NEW])
@pytest.mark.parametrize(("username", "status"), [("member", 403), ("stranger", 404)])
async def test_it_is_for_administrators_of_the_organization(
    client: httpx.AsyncClient, world: World, services: Services,
    path: str, username: str, status: int,
) -> None:  # fmt: skip
    await people(world)

    page = await enter(client, path, username)
    overview = await client.get("/organizations/acme")

    assert page.status_code == status
    assert "<form" not in page.text[page.text.index("<main") :]
    assert f'href="{PAGE}"' not in overview.text


@pytest.mark.parametrize(("username", "status"), [("member", 403), ("stranger", 404)])
async def test_others_change_nothing_there(
    client: httpx.AsyncClient, world: World, services: Services, username: str, status: int
) -> None:
    await people(world)
    async with make_client(services) as owners:
        there, named = await staffed(owners)
        await enter(client, "/account", username)

        sent = [
            await send_anyway(client, services, PAGE, "revoke", **named),
            await send_anyway(client, services, PAGE, "map", role="admin", **named),
            await send_anyway(client, services, NEW, "make", name="Mine"),
        ]

        assert [answer.status_code for answer in sent] == [status] * 3
        assert (await there.ask("GET", "/Users")).status_code == 200
        after = await owners.get(PAGE)
    assert "Mine" not in after.text
    assert '<option value="admin" selected>' not in after.text


async def test_what_belongs_to_another_organization_is_not_there(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    async with make_client(services) as owners:
        there, named = await staffed(owners)
    theirs = "/organizations/globex/provisioning"
    await enter(client, theirs, "stranger")

    sent = [
        await send_anyway(client, services, theirs, "revoke", **named),
        await send_anyway(client, services, theirs, "map", role="admin", **named),
    ]

    assert [answer.status_code for answer in sent] == [404, 404]
    assert (await Provider(client, there.token).ask("GET", "/Users")).status_code == 200


async def test_making_a_token_asks_for_a_fresh_sign_in(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock
) -> None:
    await people(world)
    page = await enter(client, NEW, "admin")
    clock.advance(services.settings.administration_lifetime + 1)

    sent = await send(client, NEW, "make", token=token_of(page), name="late", lifetime="90")
    asked = await client.get(NEW)
    listed = await client.get(PAGE)

    assert sent.status_code == 401
    assert "to make a token for an identity provider" in asked.text
    assert 'type="password"' in asked.text
    assert 'type="password"' not in listed.text
    assert "late" not in listed.text


async def test_what_was_typed_stays_where_it_is_refused(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await people(world)
    await enter(client, NEW, "admin")

    refused = await send(client, NEW, "make", name=" \t ", lifetime="never")

    assert refused.status_code == 422
    assert "A name is 1 to 200 printable characters." in refused.text
    assert '<option value="never" selected>' in refused.text


async def test_forms_of_others_are_refused(client: httpx.AsyncClient, world: World) -> None:
    await people(world)
    await enter(client, NEW, "admin")
    await provider(client)
    token = hidden((await client.get(PAGE)).text, "scim_token")

    await require_own_forms(client, PAGE, action="revoke", scim_token=token)
    await require_own_forms(client, NEW, action="make", name="Theirs", lifetime="90")

    page = await client.get(PAGE)
    assert token in page.text
    assert "Theirs" not in page.text
