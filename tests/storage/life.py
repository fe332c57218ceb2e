"""What somebody does with a session, from the login to the last refusal."""

from __future__ import annotations

from typing import Any

import httpx

from tests.oauth.flows import basic, bearer
from tests.world import PASSWORD, World, log_in
from vestibule.clients.models import ClientKind

LIMITS: dict[str, Any] = {
    "limit_address": "100000/minute",
    "limit_account": "100000/minute",
    "limit_client": "100000/minute",
    "failure_delays": False,
}
"""For many lives of one account, from one address."""


async def populate(world: World) -> str:
    """Make who lives them, and return the secret of the client that asks about tokens."""
    await world.org("acme", await world.user())
    _, secret = await world.client("backend", kind=ClientKind.CONFIDENTIAL)
    return secret


async def live(client: httpx.AsyncClient, secret: str) -> None:
    """One life. Fails where any answer is another than it must be."""
    wrong = await log_in(client, password=f"not {PASSWORD}")
    assert wrong.status_code == 401, wrong.text
    first = await log_in(client, client_id="backend", client_secret=secret)
    assert first.status_code == 200, first.text
    second = await _refreshed(client, first.json(), secret)
    assert second.status_code == 200, second.text
    tokens = second.json()
    assert await _is_active(client, tokens["access_token"], secret)
    user = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    assert user.json()["username"] == "alice", user.text
    ended = await client.post(
        "/oauth2/revoke", data={"token": tokens["refresh_token"]}, headers=basic("backend", secret)
    )
    assert ended.status_code == 200, ended.text
    assert not await _is_active(client, tokens["access_token"], secret)
    assert (await _refreshed(client, tokens, secret)).status_code == 400


async def _refreshed(
    client: httpx.AsyncClient, tokens: dict[str, str], secret: str
) -> httpx.Response:
    return await client.post(
        "/oauth2/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        headers=basic("backend", secret),
    )


async def _is_active(client: httpx.AsyncClient, token: str, secret: str) -> bool:
    answer = await client.post(
        "/oauth2/introspect", data={"token": token}, headers=basic("backend", secret)
    )
    assert answer.status_code == 200, answer.text
    active: bool = answer.json()["active"]
    return active
