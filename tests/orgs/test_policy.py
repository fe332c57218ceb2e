"""Role by route, in the own organization and in another: the whole table, over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.orgs.people import bearer, newcomer, people, signed_in
from tests.world import World
from vestibule.app import build
from vestibule.clock import utc
from vestibule.ids import new_id
from vestibule.orgs.models import Role
from vestibule.orgs.policy import RULES, Action
from vestibule.scim.models import ProvisionedGroup
from vestibule.scim.repository import add_group
from vestibule.wiring import Services

# Least first, so that what one may do does not spoil what the next may not.
CALLERS = (
    "nobody",  # sends no credential
    "stranger",  # owns globex
    "elsewhere",  # acme's owner, through a client that enters globex alone
    "member",
    "reader",  # acme's admin, with a token that may only read
    "in_workspace",  # acme's admin, with a key for its default workspace
    "admin",
    "owner",
    "root",  # runs the service, and is a member of nothing
)

ANY_MEMBER = (401, 404, 404, 200, 200, 200, 200, 200, 200)
ANY_ADMIN = (401, 404, 404, 403, 200, 403, 200, 200, 200)


def admins(ok: int, *, in_workspace: int = 403) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, in_workspace, ok, ok, ok)


def owners(ok: int) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, 403, 403, ok, ok)


def root(ok: int) -> tuple[int, ...]:
    return (401, 404, 404, 403, 403, 403, 403, 403, ok)


@dataclass(frozen=True)
class Row:
    method: str
    route: str
    statuses: tuple[int, ...]
    body: dict[str, Any] | None = None
    targets: dict[str, str] = field(default_factory=dict)
    """Which kind of thing stands for a parameter of the route or the body."""

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.targets or ''} {self.body or ''}"


ORG = "/api/v1/org/{org}"
WS = f"{ORG}/ws/{{workspace}}"
PROJECT = f"{WS}/projects/{{project}}"
MEMBER = f"{ORG}/members/{{user_id}}"
INVITATION = f"{ORG}/invitations/{{invitation_id}}"
SCIM_TOKEN = f"{ORG}/scim/tokens/{{token_id}}"
SCIM_GROUP = f"{ORG}/scim/groups/{{group_id}}"
NEW = {"key": "{key}", "name": "New"}
PARTS = ("org", "workspace", "project", "user_id", "invitation_id", "token_id", "group_id")

TABLE = [
    Row("POST", "/api/v1/org", (401, 403, 403, 403, 403, 403, 403, 403, 201), NEW),
    Row("GET", ORG, ANY_MEMBER),
    Row("PATCH", ORG, admins(200), {"name": "Renamed"}),
    Row("POST", f"{ORG}/suspend", root(204)),
    Row("POST", f"{ORG}/resume", root(204)),
    Row("POST", f"{ORG}/transfer", owners(204), {"user_id": "{member}"}),
    Row("GET", f"{ORG}/ws", ANY_MEMBER),
    Row("POST", f"{ORG}/ws", admins(201), NEW),
    Row("GET", WS, ANY_MEMBER),
    Row("GET", WS, (401, 404, 404, 200, 200, 404, 200, 200, 200), None, {"workspace": "new_ws"}),
    Row("PATCH", WS, admins(200, in_workspace=200), {"name": "Renamed"}),
    Row("PATCH", WS, admins(200, in_workspace=404), {"name": "X"}, {"workspace": "new_ws"}),
    Row("DELETE", WS, admins(204, in_workspace=404), None, {"workspace": "new_ws"}),
    Row("DELETE", WS, admins(409, in_workspace=409)),
    Row("GET", f"{WS}/projects", ANY_MEMBER),
    Row("POST", f"{WS}/projects", admins(201, in_workspace=201), NEW),
    Row("GET", PROJECT, ANY_MEMBER),
    Row("DELETE", PROJECT, admins(204, in_workspace=204), None, {"project": "new_project"}),
    Row("DELETE", PROJECT, admins(409, in_workspace=409)),
    Row("GET", f"{ORG}/members", ANY_MEMBER),
    Row("PATCH", MEMBER, admins(200), {"role": "admin"}, {"user_id": "member"}),
    Row("PATCH", MEMBER, owners(200), {"role": "owner"}, {"user_id": "member"}),
    Row("PATCH", MEMBER, owners(200), {"role": "member"}, {"user_id": "co_owner"}),
    Row("DELETE", MEMBER, admins(204), None, {"user_id": "member"}),
    Row("DELETE", MEMBER, owners(204), None, {"user_id": "co_owner"}),
    Row("GET", f"{ORG}/invitations", ANY_ADMIN),
    Row("POST", f"{ORG}/invitations", admins(201), {"email_address": "{email}", "role": "admin"}),
    Row("POST", f"{ORG}/invitations", owners(201), {"email_address": "{email}", "role": "owner"}),
    Row("DELETE", INVITATION, admins(204), None, {"invitation_id": "invitation"}),
    Row("DELETE", INVITATION, owners(204), None, {"invitation_id": "owner_invitation"}),
    Row("GET", f"{ORG}/scim/tokens", ANY_ADMIN),
    Row("POST", f"{ORG}/scim/tokens", admins(201), {"name": "directory"}),
    Row("DELETE", SCIM_TOKEN, admins(204), None, {"token_id": "scim_token"}),
    Row("GET", f"{ORG}/scim/groups", ANY_ADMIN),
    Row("PUT", SCIM_GROUP, admins(200), {"role": "admin"}, {"group_id": "scim_group"}),
    Row(
        "POST", "/api/v1/invitations/accept",
        (401, 404, 404, 404, 403, 404, 404, 404, 404), {"token": "unknown"},
    ),
]  # fmt: skip


class Place:
    """An organization in which things are made for each call anew."""

    def __init__(self, world: World, key: str) -> None:
        self._world = world
        self._key = key
        self._numbers = count()

    async def target(self, kind: str, headers: dict[str, str], client: httpx.AsyncClient) -> str:
        """The id or key of a new thing of this kind."""
        name = f"{kind.replace('_', '-')}-{next(self._numbers)}"
        base = f"/api/v1/org/{self._key}"
        match kind:
            case "org":
                return self._key
            case "workspace" | "project":
                return "default"
            case "key":
                return name
            case "email":
                return f"{name}@example.com"
            case "member" | "co_owner":
                role = Role.OWNER if kind == "co_owner" else Role.MEMBER
                return await newcomer(self._world, name, key=self._key, role=role)
            case "scim_group":
                return await self._scim_group(name)
            case "scim_token":
                path, body = f"{base}/scim/tokens", {"name": name}
            case "new_ws":
                path, body = f"{base}/ws", {"key": name, "name": "New"}
            case "new_project":
                path, body = f"{base}/ws/default/projects", {"key": name, "name": "New"}
            case _:
                role_name = "owner" if kind == "owner_invitation" else "member"
                path = f"{base}/invitations"
                body = {"email_address": f"{name}@example.com", "role": role_name}
        response = await client.post(path, json=body, headers=headers)
        assert response.status_code == 201, response.text
        made: str = response.json()["id"]
        return made

    async def _scim_group(self, name: str) -> str:
        services = self._world.services
        organization, now = await services.organizations.get(self._key), utc(services.clock)
        group = ProvisionedGroup(organization.id, new_id(), name, None, None, 1, now, now)
        await services.database.write(lambda c: add_group(c, group))
        return str(group.id)


@pytest.fixture
async def callers(
    client: httpx.AsyncClient, world: World, services: Services
) -> dict[str, dict[str, str]]:
    """What each of them sends."""
    await people(world)
    admin = await signed_in(client, world, "admin")
    (default,) = await services.organizations.workspaces("acme")
    made = await client.post(
        "/api/v1/user/api-keys",
        json={"name": "build", "org_id": "acme", "workspace_id": str(default.id)},
        headers=admin,
    )
    return {**await tokens(client, world), "in_workspace": bearer(made.json()["key"])}


async def tokens(client: httpx.AsyncClient, world: World) -> dict[str, dict[str, str]]:
    """What those send who sign in."""
    return {
        "nobody": {},
        "stranger": await signed_in(client, world, "stranger"),
        "elsewhere": await signed_in(client, world, "owner", organizations=["globex"]),
        "member": await signed_in(client, world, "member"),
        "reader": await signed_in(client, world, "admin", scopes=("api:read",)),
        "admin": await signed_in(client, world, "admin"),
        "owner": await signed_in(client, world, "owner"),
        "root": await signed_in(client, world, "root"),
    }


async def answers(
    client: httpx.AsyncClient, callers: dict[str, dict[str, str]], row: Row, place: Place
) -> tuple[int, ...]:
    """What each caller is told, in their order."""

    async def filled(text: str) -> str:
        for kind in ("member", "key", "email"):
            if text == f"{{{kind}}}":
                return await place.target(kind, callers["root"], client)
        return text

    found = []
    for name in CALLERS:
        path = row.route
        for part in PARTS:
            if f"{{{part}}}" in path:
                kind = row.targets.get(part, part)
                target = await place.target(kind, callers["root"], client)
                path = path.replace(f"{{{part}}}", target)
        body = {k: await filled(v) for k, v in row.body.items()} if row.body else None
        response = await client.request(row.method, path, json=body, headers=callers[name])
        found.append(response.status_code)
    return tuple(found)


@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_who_may_in_the_own_organization(
    client: httpx.AsyncClient, world: World, callers: dict[str, dict[str, str]], row: Row
) -> None:
    found = await answers(client, callers, row, Place(world, "acme"))

    assert dict(zip(CALLERS, found, strict=True)) == dict(zip(CALLERS, row.statuses, strict=True))


@pytest.mark.parametrize("row", [row for row in TABLE if "{org}" in row.route], ids=str)
async def test_nobody_of_another_organization_may_anything(
    client: httpx.AsyncClient, world: World, callers: dict[str, dict[str, str]], row: Row
) -> None:
    writes = row.method != "GET"
    expected = dict.fromkeys(CALLERS, 404) | {
        "nobody": 401,
        "reader": 403 if writes else 404,  # a scope is refused before anything is looked up
        "root": row.statuses[-1],
    }

    found = await answers(
        client, {**callers, "stranger": callers["member"]}, row, Place(world, "globex")
    )

    assert dict(zip(CALLERS, found, strict=True)) == expected


async def test_a_key_for_one_organization_opens_no_other_of_its_owner(
    client: httpx.AsyncClient, services: Services, callers: dict[str, dict[str, str]]
) -> None:
    owner = await services.users.named("owner")
    await services.organizations.add_member(key="globex", user_id=owner.id, role=Role.OWNER)
    made = await client.post(
        "/api/v1/user/api-keys",
        json={"name": "globex", "org_id": "globex"},
        headers=callers["owner"],
    )
    key = bearer(made.json()["key"])
    routes = {(row.method, row.route): row.body for row in TABLE if "{org}" in row.route}
    names = {
        "workspace": "default", "project": "default",
        "user_id": str(owner.id), "invitation_id": str(owner.id), "token_id": str(owner.id),
        "group_id": str(owner.id),
    }  # fmt: skip
    body = {"{member}": str(owner.id), "{key}": "new", "{email}": "new@example.com"}

    found = {
        key_of: [
            (
                await client.request(
                    method,
                    route.format(org=key_of, **names),
                    json=sent and {name: body.get(value, value) for name, value in sent.items()},
                    headers=key,
                )
            ).status_code
            for (method, route), sent in routes.items()
        ]
        for key_of in ("acme", "globex")
    }

    assert set(found["acme"]) == {404}
    assert 200 in found["globex"]


@pytest.mark.parametrize("row", [row for row in TABLE if "{org}" in row.route], ids=str)
async def test_a_suspended_organization_is_closed_to_all_but_administrators_of_the_service(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    callers: dict[str, dict[str, str]],
    row: Row,
) -> None:
    await services.organizations.update("acme", is_active=False)
    # Tokens for it have ended with it: these are people who have signed in again.
    callers |= await tokens(client, world)
    expected = {
        name: 403 if name in ("member", "reader", "in_workspace", "admin", "owner") else status
        for name, status in zip(CALLERS, row.statuses, strict=True)
    }

    found = await answers(client, callers, row, Place(world, "acme"))

    assert dict(zip(CALLERS, found, strict=True)) == expected


def test_each_route_has_its_row(services: Services) -> None:
    app: FastAPI = build(services)

    routes = {
        (method, route.path)
        for route in iter_route_contexts(app.routes)
        if (route.path or "").startswith(("/api/v1/org", "/api/v1/invitations"))
        for method in route.methods or ()
    }

    assert routes == {(row.method, row.route) for row in TABLE}


def test_each_action_has_its_rule() -> None:
    outside = {Action.ORG_CREATE, Action.INVITATION_ACCEPT}

    assert set(RULES) == set(Action) - outside
