"""Role by route, in the own organization and in another: the whole table, over HTTP."""

from __future__ import annotations

from itertools import count

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.orgs.people import bearer, newcomer, people, signed_in
from tests.orgs.table import CALLERS, PARTS, TABLE, WITHIN, Row, rounds
from tests.world import World
from vestibule.app import build
from vestibule.clock import utc
from vestibule.ids import new_id
from vestibule.orgs.models import Role
from vestibule.orgs.policy import RULES, Action
from vestibule.scim.models import ProvisionedGroup
from vestibule.scim.repository import add_group
from vestibule.wiring import Services


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
async def workspace_key(
    client: httpx.AsyncClient, world: World, services: Services
) -> dict[str, str]:
    """A key of acme's admin for its default workspace, made while everything is open."""
    await people(world)
    admin = await signed_in(client, world, "admin")
    (default,) = await services.organizations.workspaces("acme")
    made = await client.post(
        "/api/v1/user/api-keys",
        json={"name": "build", "org_id": "acme", "workspace_id": str(default.id)},
        headers=admin,
    )
    return bearer(made.json()["key"])


@pytest.fixture
async def callers(
    client: httpx.AsyncClient, world: World, workspace_key: dict[str, str]
) -> dict[str, dict[str, str]]:
    """What each of them sends."""
    return await sent(client, world, workspace_key)


async def sent(
    client: httpx.AsyncClient, world: World, workspace_key: dict[str, str]
) -> dict[str, dict[str, str]]:
    """What each of them sends who signs in now."""
    return {
        "nobody": {},
        "in_workspace": workspace_key,
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
) -> dict[str, int]:
    """What each caller is told."""

    async def filled(text: str) -> str:
        for kind in ("member", "key", "email"):
            if text == f"{{{kind}}}":
                return await place.target(kind, callers["root"], client)
        return text

    found = {}
    for name in CALLERS:
        path = row.route
        for part in PARTS:
            if f"{{{part}}}" in path:
                kind = row.targets.get(part, part)
                target = await place.target(kind, callers["root"], client)
                path = path.replace(f"{{{part}}}", target)
        body = {k: await filled(v) for k, v in row.body.items()} if row.body else None
        response = await client.request(row.method, path, json=body, headers=callers[name])
        found[name] = response.status_code
    return found


@pytest.mark.parametrize("rows", rounds(TABLE))
async def test_who_may_in_the_own_organization(
    client: httpx.AsyncClient,
    world: World,
    callers: dict[str, dict[str, str]],
    rows: list[Row],
    subtests: pytest.Subtests,
) -> None:
    place = Place(world, "acme")

    for row in rows:
        with subtests.test(str(row)):
            found = await answers(client, callers, row, place)

            assert found == dict(zip(CALLERS, row.statuses, strict=True))


@pytest.mark.parametrize("rows", rounds(WITHIN))
async def test_nobody_of_another_organization_may_anything(
    client: httpx.AsyncClient,
    world: World,
    callers: dict[str, dict[str, str]],
    rows: list[Row],
    subtests: pytest.Subtests,
) -> None:
    place = Place(world, "globex")
    callers = {**callers, "stranger": callers["member"]}

    for row in rows:
        writes = row.method != "GET"
        expected = dict.fromkeys(CALLERS, 404) | {
            "nobody": 401,
            "reader": 403 if writes else 404,  # a scope is refused before anything is looked up
            "root": row.statuses[-1],
        }
        with subtests.test(str(row)):
            found = await answers(client, callers, row, place)

            assert found == expected


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
    routes = {(row.method, row.route): row.body for row in WITHIN}
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


@pytest.mark.parametrize("rows", rounds(WITHIN))
async def test_a_suspended_organization_is_closed_to_all_but_administrators_of_the_service(
    client: httpx.AsyncClient,
    world: World,
    services: Services,
    workspace_key: dict[str, str],
    rows: list[Row],
    subtests: pytest.Subtests,
) -> None:
    await services.organizations.update("acme", is_active=False)
    # Tokens for it end with it: these are people who sign in afterwards.
    callers = await sent(client, world, workspace_key)
    place = Place(world, "acme")

    for row in rows:
        expected = {
            name: 403 if name in ("member", "reader", "in_workspace", "admin", "owner") else status
            for name, status in zip(CALLERS, row.statuses, strict=True)
        }
        with subtests.test(str(row)):
            found = await answers(client, callers, row, place)

            assert found == expected


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
