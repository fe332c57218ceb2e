"""What a start needs: tables, keys, and on an empty database somebody to sign in as."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.orgs.founding import found
from vestibule.storage import schema
from vestibule.users import repository as users
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
    password_hash = await services.passwords.hash(password)
    user = services.users.new(username=USERNAME, first_name="Administrator", is_admin=True)
    key, name = ORGANIZATION
    organization = services.organizations.new(key=key, name=name)

    def write(connection: Connection) -> None:
        found(connection, organization, owner=user.id)
        users.add(connection, [replace(user, password_hash=password_hash)])

    try:
        await services.database.write(write)
    except IntegrityError:
        return None  # another process that started at the same moment was first
    return FirstStart(username=USERNAME, password=password, organization=key)
