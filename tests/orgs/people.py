"""What the tests of organizations share: people of each role, and how they call."""

from __future__ import annotations

from typing import Any

import httpx

from tests.world import World, log_in
from vestibule.audit.models import AuditEvent
from vestibule.orgs.models import Role
from vestibule.wiring import Services

API_SCOPES = ("api:read", "api:write")


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def signed_in(
    client: httpx.AsyncClient,
    world: World,
    username: str,
    *,
    scopes: tuple[str, ...] = API_SCOPES,
    organizations: list[str] | None = None,
) -> dict[str, str]:
    """The header of an access token, through a client of these scopes and organizations."""
    client_id = f"{username}-{'-'.join(scopes).replace(':', '.')}-{'-'.join(organizations or [])}"
    known = {found.client_id for found in await world.services.clients.list()}
    if client_id not in known:
        await world.client(client_id, scopes=list(scopes), organizations=organizations)
    response = await log_in(client, username, client_id=client_id, scope=" ".join(scopes))
    assert response.status_code == 200, response.text
    return bearer(response.json()["access_token"])


async def people(world: World) -> None:
    """acme with one of each role, globex of the stranger, and root who runs the service."""
    services = world.services
    for username in ("owner", "admin", "member", "stranger"):
        await world.user(username)
    await world.user("root", is_admin=True)
    await world.org("acme")
    await world.org("globex")
    for username, key, role in (
        ("owner", "acme", Role.OWNER),
        ("admin", "acme", Role.ADMIN),
        ("member", "acme", Role.MEMBER),
        ("stranger", "globex", Role.OWNER),
    ):
        user = await services.users.named(username)
        await services.organizations.add_member(key=key, user_id=user.id, role=role)


async def newcomer(
    world: World, username: str, *, key: str = "acme", role: Role = Role.MEMBER
) -> str:
    """The id of somebody who has just become a member."""
    user = await world.user(username, password=None)
    await world.services.organizations.add_member(key=key, user_id=user.id, role=role)
    return str(user.id)


async def roles(services: Services, key: str = "acme") -> dict[str, str]:
    """Role by username."""
    organization = await services.organizations.get(key)
    found = {}
    for user in (await services.users.search())[0]:
        for membership in await services.organizations.memberships_of(user.id):
            if membership.organization.id == organization.id:
                found[user.username] = membership.role.value
    return found


async def trail(services: Services, event: str) -> list[AuditEvent]:
    """The rows of one kind of event."""
    await services.audit.flush()
    return [row for row in await services.audit.latest(limit=1000) if row.event == event]


def told(response: httpx.Response) -> tuple[int, str, str]:
    """What an error says: status, type, detail."""
    body: dict[str, Any] = response.json()
    return response.status_code, body["type"], body["detail"]
