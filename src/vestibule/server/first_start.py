"""What a start needs: tables, keys, and on an empty database somebody to sign in as."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from pydantic import SecretStr

from vestibule.orgs.models import Role
from vestibule.storage import schema
from vestibule.wiring import Services

USERNAME = "admin"
ORGANIZATION = ("main", "Main")


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What the first start has made."""

    username: str
    password: SecretStr
    organization: str


async def prepare(services: Services) -> FirstStart | None:
    """Migrate, make the first key and, where there is no user yet, the first one.

    Returns what was made for people to know; None at every later start.
    """
    await schema.upgrade_where_behind(services.database.url)
    await services.keys.ensure()
    if await services.users.exist():
        return None
    password = SecretStr(secrets.token_urlsafe(18))
    user = await services.users.create(username=USERNAME, first_name="Administrator")
    key, name = ORGANIZATION
    await services.organizations.create(key=key, name=name)
    await services.organizations.add_member(key=key, user_id=user.id, role=Role.OWNER)
    # Last, so that a start that was cut short leaves no account whose password nobody saw.
    await services.users.set_password(user, password)
    return FirstStart(username=USERNAME, password=password, organization=key)
