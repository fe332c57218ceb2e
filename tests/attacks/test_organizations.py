"""Somebody else's organization, by every id that could be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.attacks.watch import Watch
from tests.oauth.flows import basic
from tests.orgs.people import bearer, people, signed_in
from tests.scim.conftest import Provider
from tests.world import World, log_in
from vestibule import openapi
from vestibule.app import build
from vestibule.clients.models import ClientKind
from vestibule.orgs.models import Role
from vestibule.wiring import Services

KEYS = "/api/v1/user/api-keys"
SCIM_TOKENS = "/api/v1/org/acme/scim/tokens"


@dataclass
class Loot:
    """What the victim's organization holds, as an attacker may have come by it."""

    org: str
    ids: dict[str, str] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)

    def path(self, route: str, *, org: str | None = None) -> str:
        names = {**self.ids, "org": org or self.org}
        return route.format(**names)


@pytest.fixture
async def loot(client: httpx.AsyncClient, world: World) -> Loot:
    await people(world)
    owner = await signed_in(client, world, "owner")
    organization = await world.services.organizations.get("acme")
    ws = (await client.get("/api/v1/org/acme/ws", headers=owner)).json()[0]
    projects = f"/api/v1/org/acme/ws/{ws['key']}/projects"
    project = (
        await client.post(projects, json={"key": "secret", "name": "Secret"}, headers=owner)
    ).json()
    invitation = (
        await client.post(
            "/api/v1/org/acme/invitations", json={"email_address": "new@x.org"}, headers=owner
        )
    ).json()
    key = (await client.post(KEYS, json={"name": "k"}, headers=owner)).json()
    session = (await client.get("/api/v1/user/sessions", headers=owner)).json()[0]
    me = (await client.get("/api/v1/user", headers=owner)).json()
    token = (await client.post(SCIM_TOKENS, json={"name": "t"}, headers=owner)).json()
    group = await Provider(client, token["token"]).group()
    member = await world.services.users.named("member")
    return Loot(
        "acme",
        {
            "org_id": str(organization.id), "workspace": ws["id"], "project": project["id"],
            "invitation_id": invitation["id"], "key_id": key["id"], "session_id": session["id"],
            "user_id": str(member.id), "owner_id": me["id"], "invitation": invitation["token"],
            "token_id": token["id"], "group_id": group["id"],
        },
        owner,
    )  # fmt: skip


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/org/{org}/ws"): {"key": "mine", "name": "Mine"},
    ("POST", "/api/v1/org/{org}/ws/{workspace}/projects"): {"key": "mine", "name": "Mine"},
    ("POST", "/api/v1/org/{org}/invitations"): {"email_address": "evil@x.org", "role": "owner"},
    ("POST", "/api/v1/org/{org}/transfer"): {"user_id": "{owner_id}"},
    ("PATCH", "/api/v1/org/{org}"): {"name": "Mine"},
    ("PATCH", "/api/v1/org/{org}/ws/{workspace}"): {"name": "Mine"},
    ("PATCH", "/api/v1/org/{org}/members/{user_id}"): {"role": "owner"},
    ("POST", "/api/v1/org/{org}/scim/tokens"): {"name": "mine"},
    ("PUT", "/api/v1/org/{org}/scim/groups/{group_id}"): {"role": "admin"},
}


def org_routes(services: Services) -> list[tuple[str, str]]:
    """(method, path) of every route of one organization that there is."""
    paths = openapi.document(build(services))["paths"]
    return sorted(
        (method.upper(), path)
        for path, operations in paths.items()
        if path.startswith("/api/v1/org/{org}")
        for method in operations
    )


def body(loot: Loot, method: str, route: str) -> dict[str, Any] | None:
    found = BODIES.get((method, route))
    return found and {name: value.format(**loot.ids) for name, value in found.items()}


async def test_no_route_of_an_organization_opens_to_a_stranger(
    client: httpx.AsyncClient, world: World, services: Services, loot: Loot, watch: Watch
) -> None:
    """Every route there is, with true ids; the owner of another organization asks."""
    stranger = await signed_in(client, world, "stranger")
    watch.keep(stranger["Authorization"].split()[1])
    routes = org_routes(services)
    assert len(routes) >= 24

    for method, route in routes:
        answer = await client.request(
            method, loot.path(route), json=body(loot, method, route), headers=stranger
        )

        assert answer.status_code == 404, (method, route, answer.text)
        assert answer.json()["detail"] == "Organization not found"
        rows = [row for row in await watch.trail() if row.cause == "org_stranger"]
        assert rows[-1].request_id == answer.headers["x-request-id"], (method, route)
        assert str(rows[-1].org_id) == loot.ids["org_id"]


async def test_an_id_of_another_organization_opens_nothing_through_ones_own(
    client: httpx.AsyncClient, world: World, services: Services, loot: Loot, watch: Watch
) -> None:
    """`/org/MINE/…/YOURS`: the stranger may do all of it in globex, where none of it is."""
    stranger = await signed_in(client, world, "stranger")
    named = [(method, route) for method, route in org_routes(services) if route.count("{") > 1]
    assert len(named) >= 11

    for method, route in named:
        answer = await client.request(
            method,
            loot.path(route, org="globex"),
            json=body(loot, method, route),
            headers=stranger,
        )

        assert answer.status_code == 404, (method, route, answer.text)
        rows = await watch.trail()
        assert rows[-1].request_id == answer.headers["x-request-id"]
        assert rows[-1].cause in (
            "workspace_unknown", "project_unknown", "member_unknown", "invitation_unknown",
            "scim_token_unknown", "scim_group_unknown",
        )  # fmt: skip


async def test_an_organization_is_not_told_from_none(
    client: httpx.AsyncClient, world: World, loot: Loot
) -> None:
    stranger = await signed_in(client, world, "stranger")

    answers = [
        await client.get(f"/api/v1/org/{name}", headers=stranger)
        for name in ("acme", "nothing-here", "ACME", "acme%00", "acme%20", "%61cme")
    ]

    for answer in answers:
        answer.headers.pop("x-request-id")
    assert len({(a.status_code, a.content, str(a.headers)) for a in answers}) == 1


@pytest.mark.parametrize("name", ["../globex", "%2e%2e/globex", "acme/../globex", "acme%2f..%2fx"])
async def test_no_path_leads_round_about(
    client: httpx.AsyncClient, world: World, loot: Loot, name: str
) -> None:
    member = await signed_in(client, world, "member")

    answer = await client.get(f"/api/v1/org/{name}/members", headers=member)

    assert answer.status_code in (404, 405)


async def test_a_key_for_one_organization_opens_no_other(
    client: httpx.AsyncClient, world: World, services: Services, loot: Loot, watch: Watch
) -> None:
    """The owner of acme is let into globex too, and makes a key for globex alone."""
    owner = await services.users.named("owner")
    await services.organizations.add_member(key="globex", user_id=owner.id, role=Role.ADMIN)
    made = await client.post(KEYS, json={"name": "g", "org_id": "globex"}, headers=loot.owner)
    key = bearer(made.json()["key"])
    watch.keep(made.json()["key"])
    assert (await client.get("/api/v1/org/globex", headers=key)).status_code == 200

    for method, route in org_routes(services):
        answer = await client.request(
            method, loot.path(route), json=body(loot, method, route), headers=key
        )
        assert answer.status_code == 404, (method, route)
        rows = await watch.trail()
        assert (rows[-1].cause, rows[-1].request_id) == (
            "org_confined", answer.headers["x-request-id"],
        )  # fmt: skip

    told = await client.get("/api/v1/user/organizations", headers=key)
    assert [organization["key"] for organization in told.json()] == ["globex"]
    listed = await client.get(KEYS, headers=key)
    assert {record["name"] for record in listed.json()} == {"g"}
    for method, path in (
        ("GET", f"{KEYS}/{loot.ids['key_id']}"),
        ("DELETE", f"{KEYS}/{loot.ids['key_id']}"),
        ("POST", f"{KEYS}/{loot.ids['key_id']}/rotate"),
    ):
        assert (await client.request(method, path, headers=key)).status_code == 404
    wider = await client.post(KEYS, json={"name": "w", "org_id": "acme"}, headers=key)
    await watch.refused(wider, 404, "api_key_create", "org_unknown")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/user/sessions"),
        ("DELETE", "/api/v1/user/sessions"),
        ("DELETE", "/api/v1/user/sessions/{session_id}"),
    ],
)
async def test_a_key_for_one_organization_does_not_rule_its_owners_sessions(
    client: httpx.AsyncClient, loot: Loot, watch: Watch, method: str, path: str
) -> None:
    made = await client.post(KEYS, json={"name": "a", "org_id": "acme"}, headers=loot.owner)

    answer = await client.request(method, loot.path(path), headers=bearer(made.json()["key"]))

    await watch.refused(answer, 403, "sessions", "org_confined")
    assert (await client.get("/api/v1/user", headers=loot.owner)).status_code == 200


async def test_a_key_for_one_workspace_opens_no_other(
    client: httpx.AsyncClient, loot: Loot, watch: Watch
) -> None:
    other = (
        await client.post(
            "/api/v1/org/acme/ws", json={"key": "other", "name": "O"}, headers=loot.owner
        )
    ).json()
    wish = {"name": "w", "workspace_id": loot.ids["workspace"]}
    key = bearer((await client.post(KEYS, json=wish, headers=loot.owner)).json()["key"])

    for name in ("other", other["id"]):
        for method, path, payload in (
            ("GET", f"/api/v1/org/acme/ws/{name}", None),
            ("PATCH", f"/api/v1/org/acme/ws/{name}", {"name": "x"}),
            ("DELETE", f"/api/v1/org/acme/ws/{name}", None),
            ("GET", f"/api/v1/org/acme/ws/{name}/projects", None),
            ("POST", f"/api/v1/org/acme/ws/{name}/projects", {"key": "x", "name": "x"}),
        ):
            answer = await client.request(method, path, json=payload, headers=key)
            assert answer.status_code == 404, (method, path)
            assert (await watch.trail())[-1].cause == "workspace_unknown"
    listed = await client.get("/api/v1/org/acme/ws", headers=key)
    assert [workspace["id"] for workspace in listed.json()] == [loot.ids["workspace"]]
    for payload in ({"name": "x", "workspace_id": other["id"]}, {"name": "x", "org_id": "globex"}):
        assert (await client.post(KEYS, json=payload, headers=key)).status_code == 404


async def test_nobody_rules_the_keys_and_sessions_of_others(
    client: httpx.AsyncClient, world: World, loot: Loot, watch: Watch
) -> None:
    for name in ("stranger", "admin"):
        other = await signed_in(client, world, name)
        for method, path, event, cause in (
            ("DELETE", f"{KEYS}/{{key_id}}", "api_key_revoke", "key_unknown"),
            ("POST", f"{KEYS}/{{key_id}}/rotate", "api_key_rotate", "key_unknown"),
            ("DELETE", "/api/v1/user/sessions/{session_id}", "session_end", "session_unknown"),
        ):
            answer = await client.request(method, loot.path(path), headers=other)
            await watch.refused(answer, 404, event, cause)
        assert (await client.get(loot.path(f"{KEYS}/{{key_id}}"), headers=other)).status_code == 404


async def test_an_invitation_is_for_its_address_alone_and_not_told_from_none(
    client: httpx.AsyncClient, world: World, loot: Loot, watch: Watch
) -> None:
    stranger = await signed_in(client, world, "stranger")
    watch.keep(loot.ids["invitation"])

    anothers = await client.post(
        "/api/v1/invitations/accept", json={"token": loot.ids["invitation"]}, headers=stranger
    )
    await watch.refused(anothers, 404, "invitation_accept", "invitation_address")
    nobodys = await client.post(
        "/api/v1/invitations/accept", json={"token": "x" * 43}, headers=stranger
    )
    await watch.refused(nobodys, 404, "invitation_accept", "invitation_unknown")

    assert anothers.content == nobodys.content


@pytest.mark.parametrize("scope", ["org:globex", "org:nothing-here"])
async def test_no_token_is_exchanged_into_an_organization_that_one_is_no_member_of(
    client: httpx.AsyncClient, world: World, loot: Loot, watch: Watch, scope: str
) -> None:
    await world.client(
        "exchanger", scopes=["openid"],
        grants=["password", "urn:ietf:params:oauth:grant-type:token-exchange"],
    )  # fmt: skip
    token = (await log_in(client, "member", client_id="exchanger")).json()["access_token"]
    watch.keep(token)

    answer = await client.post(
        "/oauth2/token",
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "client_id": "exchanger",
            "scope": scope,
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        },
    )

    assert answer.json()["error"] in ("invalid_scope", "invalid_target"), answer.text
    await watch.says("token", "org_unknown")


async def test_a_client_for_some_organizations_enters_and_knows_no_other(
    client: httpx.AsyncClient, world: World, services: Services, loot: Loot, watch: Watch
) -> None:
    stranger = await services.users.named("stranger")
    await services.organizations.add_member(key="acme", user_id=stranger.id, role=Role.MEMBER)
    await world.client("narrow", scopes=["api:read", "api:write"], organizations=["globex"])
    _, secret = await world.client(
        "narrow-service", kind=ClientKind.CONFIDENTIAL, organizations=["globex"],
        grants=["client_credentials"],
    )  # fmt: skip

    asked = await log_in(client, "stranger", client_id="narrow", scope="api:read org:acme")
    let_in = (await log_in(client, "stranger", client_id="narrow")).json()
    reached = await client.get("/api/v1/org/acme", headers=bearer(let_in["access_token"]))
    hers = loot.owner["Authorization"].split()[1]
    told = await client.post(
        "/oauth2/introspect", data={"token": hers}, headers=basic("narrow-service", secret)
    )
    own = await client.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials", "scope": "org:acme"},
        headers=basic("narrow-service", secret),
    )

    assert asked.status_code == 403
    await watch.says("login", "client_org")
    assert [organization["key"] for organization in let_in["orgs"]] == ["globex"]
    assert reached.status_code == 404
    await watch.says("org_read", "org_confined")
    assert told.json() == {"active": False}
    await watch.says("introspect", "client_org")
    assert own.status_code == 400
    await watch.says("token", "client_org")
