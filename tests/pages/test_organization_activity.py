"""What owners and admins of an organization see of what happened in it."""

from __future__ import annotations

import csv
import json
from uuid import UUID

import httpx
import pytest

from tests.orgs.people import people, trail
from tests.pages.rooms import enter
from tests.world import World, log_in
from vestibule.audit.models import AuditEvent, Result
from vestibule.orgs.models import Role
from vestibule.wiring import Services

ACTIVITY = "/organizations/acme/activity"
EXPORT = f"{ACTIVITY}/export"


async def two_organizations(world: World, client: httpx.AsyncClient) -> None:
    """Members of acme and the stranger of globex have signed in, each once."""
    await people(world)
    for username in ("owner", "member", "stranger"):
        answer = await log_in(client, username)
        assert answer.status_code == 200


def rows(page: httpx.Response) -> int:
    return page.text.count("<time ")


async def of(services: Services, key: str) -> list[AuditEvent]:
    """The rows of an organization, newest first."""
    await services.audit.flush()
    organization = await services.organizations.get(key)
    found = await services.audit.latest(limit=1000)
    return [event for event in reversed(found) if event.org_id == organization.id]


@pytest.mark.parametrize("username", ["admin", "owner", "root"])
async def test_who_looks_after_an_organization_sees_what_happened_in_it(
    client: httpx.AsyncClient, world: World, services: Services, username: str
) -> None:
    await two_organizations(world, client)
    await services.audit.flush()

    page = await enter(client, ACTIVITY, username)

    assert page.status_code == 200
    assert rows(page) == 2
    assert "Signed in" in page.text
    assert all(f"· {name}" in page.text for name in ("owner", "member"))
    overview = await client.get("/organizations/acme")
    assert f'href="{ACTIVITY}"' in overview.text


@pytest.mark.parametrize("path", [ACTIVITY, EXPORT, f"{ACTIVITY}?since=x", f"{EXPORT}?event=login"])
async def test_members_are_refused_and_strangers_told_that_nothing_is_there(
    client: httpx.AsyncClient, world: World, services: Services, path: str
) -> None:
    await two_organizations(world, client)

    member = await enter(client, path, "member")
    overview = await client.get("/organizations/acme")
    client.cookies.clear()
    stranger = await enter(client, path, "stranger")
    nowhere = await client.get(path.replace("acme", "nowhere"))

    assert (member.status_code, stranger.status_code, nowhere.status_code) == (403, 404, 404)
    assert "Signed in" not in member.text + stranger.text
    assert ACTIVITY not in overview.text
    refused = [row.cause for row in await trail(services, "org_audit")]
    assert "role" in refused


async def test_nothing_of_another_organization_is_seen_whatever_is_asked_for(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await two_organizations(world, client)
    both = await services.users.named("admin")
    await services.organizations.add_member(key="globex", user_id=both.id, role=Role.MEMBER)
    (foreign,) = [row for row in await of(services, "globex") if row.event == "login"]
    last = UUID(int=2**128 - 1)
    asked = [
        f"org={foreign.org_id}", f"user={foreign.user_id}", f"before={last}",
        "event=login", "result=success", "until=9999-12-30",
    ]  # fmt: skip
    await enter(client, ACTIVITY, "admin")

    for query in asked:
        for form in ("", "csv", "jsonl"):
            path = f"{EXPORT}?{query}&format={form}" if form else f"{ACTIVITY}?{query}"
            answer = await client.get(path)
            assert answer.status_code == 200
            # The foot of a page names its own address, and so what was asked for.
            told = answer.text if form else answer.text.split("<footer>")[0]
            values = ("stranger", foreign.id, foreign.request_id)
            assert not any(str(value) in told for value in values)
    lines = (await client.get(f"{EXPORT}?format=jsonl")).text.splitlines()
    acme = await services.organizations.get("acme")
    assert len(lines) > 2
    assert {json.loads(line)["org_id"] for line in lines} == {str(acme.id)}
    assert (await client.get("/organizations/globex/activity")).status_code == 403


async def test_filters_narrow_it(client: httpx.AsyncClient, world: World) -> None:
    await two_organizations(world, client)
    await enter(client, ACTIVITY, "member")
    client.cookies.clear()
    await enter(client, ACTIVITY, "owner")
    await world.services.audit.flush()

    async def found(query: str) -> int:
        return rows(await client.get(f"{ACTIVITY}?{query}"))

    assert await found("") == 3
    assert await found("event=login") == 2
    assert await found("event=org_audit&result=failure") == 1
    assert await found("event=org_audit&result=success") == 0
    assert await found("since=2001-01-01&result=success") == 2
    assert await found("since=2999-01-01") == 0
    assert await found("until=2001-01-01") == 0
    wrong = await client.get(f"{ACTIVITY}?since=tomorrow")
    assert (wrong.status_code, rows(wrong)) == (422, 0)
    assert "A day is of the form 2026-01-31." in wrong.text
    assert (await client.get(f"{EXPORT}?until=9999-12-31")).status_code == 400


async def test_it_comes_page_by_page_and_each_row_once(
    client: httpx.AsyncClient, world: World, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_organizations(world, client)
    monkeypatch.setattr("vestibule.pages.organization.activity.PER_PAGE", 1)
    await services.audit.flush()

    page = await enter(client, f"{ACTIVITY}?event=login", "owner")
    following = page.text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = await client.get(following.replace("&amp;", "&"))

    assert (rows(page), rows(second)) == (1, 1)
    assert "· member" in page.text
    assert "· owner" in second.text


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_it_is_taken_out_whole_and_that_is_in_it(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    monkeypatch.setattr("vestibule.access.trail.AT_ONCE", 1)
    await two_organizations(world, client)
    await enter(client, ACTIVITY, "owner")

    answer = await client.get(f"{EXPORT}?format={form}")

    lines = answer.text.splitlines()
    found = [*csv.DictReader(lines)] if form == "csv" else [json.loads(line) for line in lines]
    assert [UUID(row["id"]) for row in found] == [event.id for event in await of(services, "acme")]
    assert "identifier_digest" not in found[0]
    assert answer.headers["content-disposition"] == f'attachment; filename="acme-activity.{form}"'
    (row,) = await trail(services, "org_audit")
    assert found[0]["id"] == str(row.id)
    owner = await services.users.named("owner")
    assert (row.user_id, row.result) == (owner.id, Result.SUCCESS)
