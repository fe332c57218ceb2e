"""Members: who is told of, changed and removed, and that an owner always remains."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.orgs.people import newcomer, people, roles, signed_in, told
from tests.world import World
from vestibule.orgs.models import Role
from vestibule.wiring import Services

MEMBERS = "/api/v1/org/acme/members"
LAST_OWNER = (409, "conflict_error", "An organization keeps at least one owner")


@pytest.fixture
async def owner(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    await people(world)
    return await signed_in(client, world, "owner")


async def id_of(services: Services, username: str) -> str:
    return str((await services.users.named(username)).id)


async def test_members_are_told_with_their_names_page_by_page(
    client: httpx.AsyncClient, world: World, owner: dict[str, str]
) -> None:
    first = (await client.get(MEMBERS, params={"limit": 2}, headers=owner)).json()
    params = {"after": first[-1]["user_id"]}
    rest = (await client.get(MEMBERS, params=params, headers=owner)).json()

    assert [row["username"] for row in first + rest] == ["owner", "admin", "member"]
    assert rest[0] == {
        "user_id": rest[0]["user_id"], "username": "member",
        "email_address": "member@example.org", "full_name": "", "role": "member",
        "joined_at": "2027-01-15T08:00:00Z",
    }  # fmt: skip


async def test_a_new_role_counts_at_once(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    member = await signed_in(client, world, "member")
    path = f"{MEMBERS}/{await id_of(services, 'member')}"

    changed = await client.patch(path, json={"role": "admin"}, headers=owner)
    allowed = await client.get("/api/v1/org/acme/invitations", headers=member)

    assert changed.json()["role"] == "admin"
    assert allowed.status_code == 200


async def test_a_removed_member_is_a_stranger_at_once(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    headers = await signed_in(client, world, "member")
    path = f"{MEMBERS}/{await id_of(services, 'member')}"

    await client.delete(path, headers=owner)
    token = await client.get("/api/v1/org/acme", headers=headers)
    fresh = await client.get("/api/v1/org/acme", headers=await signed_in(client, world, "member"))
    again = await client.delete(path, headers=owner)

    assert token.status_code in (401, 404)
    assert told(fresh) == (404, "not_found_error", "Organization not found")
    assert told(again) == (404, "not_found_error", "Member not found")


async def test_a_member_may_leave_and_the_last_owner_may_not(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    member = await signed_in(client, world, "member")

    left = await client.delete(f"{MEMBERS}/{await id_of(services, 'member')}", headers=member)
    path = f"{MEMBERS}/{await id_of(services, 'owner')}"
    stays = await client.delete(path, headers=owner)
    demoted = await client.patch(path, json={"role": "admin"}, headers=owner)

    assert left.status_code == 204
    assert told(stays) == told(demoted) == LAST_OWNER
    assert await roles(services) == {"owner": "owner", "admin": "admin"}


async def test_somebody_of_another_organization_is_no_member_here(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    path = f"{MEMBERS}/{await id_of(services, 'stranger')}"

    changed = await client.patch(path, json={"role": "member"}, headers=owner)
    removed = await client.delete(path, headers=owner)

    assert told(changed) == told(removed) == (404, "not_found_error", "Member not found")
    assert await roles(services, "globex") == {"stranger": "owner"}


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
async def test_of_two_owners_who_go_at_once_one_stays(
    client: httpx.AsyncClient, services: Services, world: World, method: str, owner: dict[str, str]
) -> None:
    await world.user("second")
    second = await services.users.named("second")
    await services.organizations.add_member(key="acme", user_id=second.id, role=Role.OWNER)
    headers = {"owner": owner, "second": await signed_in(client, world, "second")}
    body = {"role": "member"} if method == "PATCH" else None

    ids = {name: await id_of(services, name) for name in headers}

    answers = await asyncio.gather(
        *(
            client.request(method, f"{MEMBERS}/{ids[name]}", json=body, headers=sent)
            for name, sent in headers.items()
        )
    )

    assert sorted(answer.status_code for answer in answers)[1] == 409
    assert list((await roles(services)).values()).count("owner") == 1


async def test_of_two_owners_who_put_each_other_out_at_once_one_stays(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    second = await newcomer(world, "second", role=Role.OWNER)
    root = await signed_in(client, world, "root")

    answers = await asyncio.gather(
        client.delete(f"{MEMBERS}/{second}", headers=root),
        client.delete(f"{MEMBERS}/{await id_of(services, 'owner')}", headers=root),
    )

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert list((await roles(services)).values()).count("owner") == 1
