"""What is made on the data of a running service, as commands of the program would make it.

In this process, because a command spends more than a second on starting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pydantic import SecretStr

from tests.e2e.server import Server
from tests.world import World
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.wiring.wire import running

SCOPES = ["openid", "profile", "email", "offline_access"]
"""What a client may ask for that a command makes without naming any."""

Made = TypeVar("Made")


def furnished(server: Server, make: Callable[[World], Awaitable[Made]]) -> Made:
    """What `make` gives back, which is handed what makes things there."""
    url = server.options.get("database_url")
    settings = Settings(
        data_dir=server.data,
        database_url=SecretStr(url) if url else None,
        argon2_memory=8,
        argon2_time=1,
    )

    async def made() -> Made:
        async with running(settings) as services:
            return await make(World(services))

    # Playwright holds the loop of the thread that tests run in.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, made()).result()


async def add_members(world: World, key: str, *usernames: str) -> None:
    """Make them members of an organization."""
    for username in usernames:
        user = await world.services.users.named(username)
        await world.services.organizations.add_member(key=key, user_id=user.id, role=Role.MEMBER)


async def enter_by_default(world: World, username: str, key: str) -> None:
    """Or every sign-in would begin with the question which organization."""
    user = await world.services.users.named(username)
    organization = await world.services.organizations.get(key)
    await world.services.users.update(user, default_org_id=organization.id)
