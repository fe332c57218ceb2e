"""An identity provider that provisions acme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.orgs.people import people, signed_in
from tests.world import World

BASE = "/scim/v2"
MEDIA_TYPE = "application/scim+json"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Provider:
    """Speaks SCIM with a token."""

    client: httpx.AsyncClient
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        fields = {"Authorization": f"Bearer {self.token}", "Content-Type": MEDIA_TYPE, **headers}
        return await self.client.request(method, BASE + path, json=body, headers=fields)

    async def user(self, user_name: str = "bjensen", **fields: Any) -> dict[str, Any]:
        body = {"schemas": [USER], "userName": user_name, **fields}
        response = await self.ask("POST", "/Users", body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    async def group(self, name: str = "Staff", *members: str) -> dict[str, Any]:
        body = {
            "schemas": [GROUP], "displayName": name,
            "members": [{"value": member} for member in members],
        }  # fmt: skip
        response = await self.ask("POST", "/Groups", body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    async def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.ask(
            "PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers
        )


@pytest.fixture
async def admin(client: httpx.AsyncClient, world: World) -> dict[str, str]:
    await people(world)
    return await signed_in(client, world, "admin")


@pytest.fixture
async def provider(client: httpx.AsyncClient, admin: dict[str, str]) -> Provider:
    made = await client.post(
        "/api/v1/org/acme/scim/tokens", json={"name": "directory"}, headers=admin
    )
    assert made.status_code == 201, made.text
    return Provider(client, made.json()["token"])
