"""The people, organizations and clients of the tests, and time that stands still."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.orgs.models import Organization, Role
from vestibule.users.models import User
from vestibule.wiring import Services

PASSWORD = "correct horse battery staple"
LOGIN = "/api/v1/auth/login"


class FakeClock:
    """A clock that moves when it is told to; sleeping moves it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def advance(self, seconds: float) -> None:
        self.now += seconds


class World:
    """Makes what a test is about, through the services that a deployment uses."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def user(self, username: str = "alice", **details: Any) -> User:
        active = details.pop("is_active", True)
        details.setdefault("password", SecretStr(PASSWORD))
        details.setdefault("email_address", f"{username}@example.org")
        user = await self.services.users.create(username=username, **details)
        return user if active else await self.services.users.update(user, is_active=False)

    async def org(
        self, key: str = "acme", *members: User, name: str = "", role: Role = Role.MEMBER
    ) -> Organization:
        organization = await self.services.organizations.create(key=key, name=name or key.title())
        for member in members:
            await self.services.organizations.add_member(key=key, user_id=member.id, role=role)
        return organization

    async def client(
        self, client_id: str = "portal", *, kind: ClientKind = ClientKind.PUBLIC, **details: Any
    ) -> tuple[Client, str]:
        details.setdefault("grants", [Grant.PASSWORD, Grant.REFRESH_TOKEN])
        details.setdefault("scopes", ["openid", "profile"])
        details.setdefault("name", client_id)
        client, secret = await self.services.clients.create(
            client_id=client_id, kind=kind, **details
        )
        return client, secret.get_secret_value() if secret else ""


async def log_in(
    client: httpx.AsyncClient,
    username: str = "alice",
    password: str = PASSWORD,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """One login, as a form."""
    form = {"username": username, "password": password, **fields}
    return await client.post(LOGIN, data=form, headers=headers)
