"""Organizations, workspaces and projects: what comes of each call."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.orgs.people import newcomer, people, roles, signed_in, told, trail
from tests.world import FakeClock, World
from vestibule.errors import Conflict
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

ACME = "/api/v1/org/acme"
NO_ORG = (404, "not_found_error", "Organization not found")


@pytest.fixture
async def owner(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    await people(world)
    return await signed_in(client, world, "owner")


@pytest.fixture
async def root(client: httpx.AsyncClient, world: World, owner: object) -> dict[str, str]:
    return await signed_in(client, world, "root")


# Organizations


async def test_whoever_creates_an_organization_owns_it_and_finds_a_workspace_and_a_project(
    client: httpx.AsyncClient, services: Services, root: dict[str, str]
) -> None:
    body = {"key": "new", "name": " New ", "description": "What it is"}

    made = await client.post("/api/v1/org", json=body, headers=root)

    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"], "key": "new", "name": "New", "description": "What it is",
        "is_active": True, "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
    }  # fmt: skip
    assert (await client.get("/api/v1/org/new", headers=root)).json() == made.json()
    assert await roles(services, "new") == {"root": "owner"}
    (workspace,) = (await client.get("/api/v1/org/new/ws", headers=root)).json()
    assert workspace == {
        "id": workspace["id"], "key": "default", "name": "Default",
        "org_id": made.json()["id"], "is_default": True,
        "created_at": "2027-01-15T08:00:00Z", "updated_at": "2027-01-15T08:00:00Z",
    }  # fmt: skip
    (project,) = (await client.get("/api/v1/org/new/ws/default/projects", headers=root)).json()
    assert (project["key"], project["is_default"]) == ("default", True)
    assert (project["org_id"], project["workspace_id"]) == (workspace["org_id"], workspace["id"])
    (event,) = await trail(services, "org_create")
    assert (event.result, event.cause, event.status) == ("success", "done", 201)
    assert str(event.org_id) == made.json()["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "No Key"}, "key"),
        ({"key": "-a"}, "key"),
        ({"key": "a" * 64}, "key"),
        ({"key": "01a20fee-c727-7019-9d2d-beb47b0e2d45"}, "key"),
        ({"name": "  "}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"description": "a\u0007b"}, "description"),
        ({"more": "x"}, "more"),
    ],
)
async def test_what_can_not_be_is_named(
    client: httpx.AsyncClient, root: dict[str, str], change: dict[str, str], field: str
) -> None:
    body = {"key": "new", "name": "New", **change}

    refused = await client.post("/api/v1/org", json=body, headers=root)

    assert refused.status_code == 422
    assert [item["loc"] for item in refused.json()["errors"]] == [["body", field]]


async def test_a_key_is_taken_once(client: httpx.AsyncClient, root: dict[str, str]) -> None:
    refused = await client.post("/api/v1/org", json={"key": "acme", "name": "A"}, headers=root)

    assert told(refused) == (409, "already_exists_error", "This key is taken")


async def test_anyone_creates_organizations_where_it_is_set_so(
    settings: Settings, clock: FakeClock
) -> None:
    from tests.conftest import make_client

    services = wire(settings.model_copy(update={"org_creation": "anyone"}), clock=clock)
    await services.keys.ensure()
    world = World(services)
    await world.user("alice")
    async with make_client(services) as client:
        headers = await signed_in(client, world, "alice")

        made = await client.post(
            "/api/v1/org", json={"key": "mine", "name": "Mine"}, headers=headers
        )
        confined = await client.post(
            "/api/v1/org",
            json={"key": "other", "name": "Other"},
            headers=await signed_in(client, world, "alice", organizations=["mine"]),
        )

    assert made.status_code == 201
    assert await roles(services, "mine") == {"alice": "owner"}
    assert confined.status_code == 403
    await services.close()


async def test_what_is_absent_stays(
    client: httpx.AsyncClient, clock: FakeClock, owner: dict[str, str]
) -> None:
    clock.advance(60)

    named = await client.patch(ACME, json={"name": "Acme Inc."}, headers=owner)
    described = await client.patch(ACME, json={"description": "Anvils"}, headers=owner)

    assert (named.json()["name"], named.json()["description"]) == ("Acme Inc.", "")
    assert (described.json()["name"], described.json()["description"]) == ("Acme Inc.", "Anvils")
    assert described.json()["updated_at"] > described.json()["created_at"]


async def test_nobodys_and_a_strangers_organization_are_told_alike_and_apart_in_the_trail(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    strangers = await client.get("/api/v1/org/globex", headers=owner)
    nobodys = await client.get("/api/v1/org/none", headers=owner)

    assert told(strangers) == told(nobodys) == NO_ORG
    first, second = await trail(services, "org_read")
    assert (first.cause, second.cause) == ("org_stranger", "org_unknown")
    assert first.org_id == (await services.organizations.get("globex")).id


async def test_a_suspended_organization_is_resumed(
    client: httpx.AsyncClient, world: World, services: Services, root: dict[str, str]
) -> None:
    await client.post(f"{ACME}/suspend", headers=root)
    refused = await client.get(ACME, headers=await signed_in(client, world, "owner"))
    await client.post(f"{ACME}/resume", headers=root)
    let_in = await client.get(ACME, headers=await signed_in(client, world, "owner"))

    assert told(refused) == (403, "forbidden_error", "This organization is suspended")
    assert let_in.status_code == 200


# Ownership


async def test_the_former_owner_becomes_an_admin_and_loses_the_owners_rights(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    member = await services.users.named("member")
    body = {"user_id": str(member.id)}

    done = await client.post(f"{ACME}/transfer", json=body, headers=owner)
    again = await client.post(f"{ACME}/transfer", json=body, headers=owner)

    assert done.status_code == 204
    assert again.status_code == 403
    assert await roles(services) == {"owner": "admin", "admin": "admin", "member": "owner"}


async def test_an_organization_is_not_transferred_to_a_stranger_or_to_oneself(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    answers = []
    for name in ("stranger", "owner"):
        user = await services.users.named(name)
        body = {"user_id": str(user.id)}
        answers.append(told(await client.post(f"{ACME}/transfer", json=body, headers=owner)))

    assert answers == [
        (404, "not_found_error", "Member not found"),
        (409, "conflict_error", "You are the owner already"),
    ]
    assert (await roles(services))["owner"] == "owner"


async def test_an_administrator_of_the_service_takes_the_place_from_all_owners(
    client: httpx.AsyncClient, services: Services, world: World, root: dict[str, str]
) -> None:
    await newcomer(world, "second", role=Role.OWNER)
    heir = await services.users.named("member")

    await client.post(f"{ACME}/transfer", json={"user_id": str(heir.id)}, headers=root)

    assert await roles(services) == {
        "owner": "admin", "second": "admin", "admin": "admin", "member": "owner",
    }  # fmt: skip


async def test_of_two_transfers_at_once_one_is_done(
    client: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    heirs = [await services.users.named(name) for name in ("admin", "member")]

    answers = await asyncio.gather(
        *(
            client.post(f"{ACME}/transfer", json={"user_id": str(heir.id)}, headers=owner)
            for heir in heirs
        )
    )

    assert sorted(answer.status_code for answer in answers) == [204, 403]
    assert sorted((await roles(services)).values()).count("owner") == 1


async def test_the_last_owner_can_not_be_removed_by_command(
    services: Services, owner: object
) -> None:
    user = await services.users.named("owner")

    with pytest.raises(Conflict):
        await services.organizations.remove_member(key="acme", user_id=user.id)

    assert (await roles(services))["owner"] == "owner"


# Workspaces and projects


async def test_workspaces_and_projects_are_told_by_key_and_by_id(
    client: httpx.AsyncClient, owner: dict[str, str]
) -> None:
    body = {"key": "lab", "name": "Lab"}
    made = (await client.post(f"{ACME}/ws", json=body, headers=owner)).json()
    path = f"{ACME}/ws/lab/projects"
    project = (await client.post(path, json=body, headers=owner)).json()

    answers = [
        (await client.get(f"{ACME}/ws/{name}", headers=owner)).json()
        for name in ("lab", made["id"])
    ]
    projects = [
        (await client.get(f"{ACME}/ws/{name}/projects/{inner}", headers=owner)).json()
        for name in ("lab", made["id"])
        for inner in ("lab", project["id"])
    ]

    assert answers == [made, made]
    assert projects == [project] * 4
    listed = (await client.get(path, headers=owner)).json()
    assert [row["key"] for row in listed] == ["default", "lab"]


async def test_keys_are_unique_in_their_organization_and_in_their_workspace(
    client: httpx.AsyncClient, world: World, owner: dict[str, str]
) -> None:
    body = {"key": "lab", "name": "Lab"}
    paths = [f"{ACME}/ws", f"{ACME}/ws/lab/projects", f"{ACME}/ws/default/projects"]

    first = [(await client.post(path, json=body, headers=owner)).status_code for path in paths]
    again = [(await client.post(path, json=body, headers=owner)).status_code for path in paths]
    other = await client.post(
        "/api/v1/org/globex/ws", json=body, headers=await signed_in(client, world, "stranger")
    )

    assert first == [201, 201, 201]
    assert again == [409, 409, 409]
    assert other.status_code == 201


async def test_lists_are_cut(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    for key in ("alpha", "beta"):
        await client.post(f"{ACME}/ws", json={"key": key, "name": key}, headers=owner)

    pages = [
        (await client.get(f"{ACME}/ws", params=params, headers=owner)).json()
        for params in ({"limit": 2}, {"after": "beta"}, {"limit": 0})
    ]

    assert [[row["key"] for row in page] for page in pages[:2]] == [["alpha", "beta"], ["default"]]
    assert pages[2]["code"] == 422


async def test_what_is_in_another_place_is_not_found_by_its_id(
    client: httpx.AsyncClient, services: Services, world: World, owner: dict[str, str]
) -> None:
    stranger = await signed_in(client, world, "stranger")
    theirs = (await client.get("/api/v1/org/globex/ws", headers=stranger)).json()[0]["id"]
    path = "/api/v1/org/globex/ws/default/projects"
    project = (await client.post(path, json={"key": "x", "name": "X"}, headers=stranger)).json()
    await client.post(f"{ACME}/ws", json={"key": "lab", "name": "Lab"}, headers=owner)
    inner = f"{ACME}/ws/default/projects"
    own = (await client.post(inner, json={"key": "y", "name": "Y"}, headers=owner)).json()

    answers = [
        (await client.request(method, path, headers=owner, json=body)).status_code
        for method, path, body in (
            ("GET", f"{ACME}/ws/{theirs}", None),
            ("PATCH", f"{ACME}/ws/{theirs}", {"name": "Mine"}),
            ("DELETE", f"{ACME}/ws/{theirs}", None),
            ("GET", f"{ACME}/ws/{theirs}/projects", None),
            ("POST", f"{ACME}/ws/{theirs}/projects", {"key": "mine", "name": "Mine"}),
            ("GET", f"{ACME}/ws/default/projects/{project['id']}", None),
            ("DELETE", f"{ACME}/ws/default/projects/{project['id']}", None),
            ("GET", f"{ACME}/ws/lab/projects/{own['id']}", None),
        )
    ]

    assert answers == [404] * 8
    assert (await client.get(f"{path}/x", headers=stranger)).json() == project


async def test_a_workspace_with_projects_stays_until_they_are_gone(
    client: httpx.AsyncClient, owner: dict[str, str]
) -> None:
    body = {"key": "lab", "name": "Lab"}
    await client.post(f"{ACME}/ws", json=body, headers=owner)
    await client.post(f"{ACME}/ws/lab/projects", json=body, headers=owner)

    refused = await client.delete(f"{ACME}/ws/lab", headers=owner)
    await client.delete(f"{ACME}/ws/lab/projects/lab", headers=owner)
    done = await client.delete(f"{ACME}/ws/lab", headers=owner)
    gone = await client.get(f"{ACME}/ws/lab", headers=owner)

    assert told(refused) == (409, "conflict_error", "This workspace has projects")
    assert done.status_code == 204
    assert told(gone) == (404, "not_found_error", "Workspace not found")


async def test_a_key_for_one_workspace_sees_no_other(
    client: httpx.AsyncClient, owner: dict[str, str]
) -> None:
    lab = (
        await client.post(f"{ACME}/ws", json={"key": "lab", "name": "Lab"}, headers=owner)
    ).json()
    made = await client.post(
        "/api/v1/user/api-keys",
        json={"name": "k", "org_id": "acme", "workspace_id": lab["id"]},
        headers=owner,
    )
    key = {"X-API-Key": made.json()["key"]}

    listed = await client.get(f"{ACME}/ws", headers=key)
    other = await client.get(f"{ACME}/ws/default/projects", headers=key)

    assert [row["key"] for row in listed.json()] == ["lab"]
    assert told(other) == (404, "not_found_error", "Workspace not found")
