"""What the tests of API keys share: somebody who has signed in, and statements that are counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import Engine, event, select

from tests.world import World, log_in
from vestibule.orgs.models import Organization, workspaces
from vestibule.wiring import Services

KEYS = "/api/v1/user/api-keys"
SCOPES = ["openid", "profile", "email", "offline_access", "api:read", "api:write"]


async def signed_in(
    client: httpx.AsyncClient,
    world: World,
    username: str = "alice",
    *,
    scopes: list[str] | None = None,
    organizations: list[str] | None = None,
) -> dict[str, str]:
    """The header of an access token, through a client of these scopes and organizations."""
    client_id = f"console-{username}"
    await world.client(client_id, scopes=scopes or SCOPES, organizations=organizations)
    response = await log_in(client, username, client_id=client_id)
    assert response.status_code == 200, response.text
    return bearer(response.json()["access_token"])


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def create(
    client: httpx.AsyncClient, headers: dict[str, str], name: str = "build", **wish: Any
) -> dict[str, Any]:
    """A new key, as it was answered."""
    response = await client.post(KEYS, json={"name": name, **wish}, headers=headers)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def workspace_of(services: Services, organization: Organization) -> str:
    """The id of an organization's default workspace."""
    statement = select(workspaces.c.id).where(workspaces.c.org_id == organization.id)
    return str(await services.database.read(lambda c: c.execute(statement).scalars().one()))


@contextmanager
def statements() -> Iterator[list[str]]:
    """All SQL that is sent while the block lasts."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
