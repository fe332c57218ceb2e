"""What a start needs: tables, keys, and on an empty database somebody to sign in as."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule import logs
from vestibule.orgs.founding import found
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
    """Make the first key and, where there is no user yet, the first one.

    Returns what was made for people to know; None at every later start, and where an operator
    makes the first user. Of any number of instances that start at once, one makes it.
    """
    await services.keys.ensure()
    if await services.users.exist():
        return None
    if not services.settings.first_administrator:
        log = logs.get("server")
        log.warning("there is no user yet", mend="vestibule user create NAME --admin")
        return None
    password = SecretStr(secrets.token_urlsafe(18))
    password_hash = await services.passwords.hash(password)
    user = services.users.new(username=USERNAME, first_name="Administrator", is_admin=True)
    key, name = ORGANIZATION
    organization = services.organizations.new(key=key, name=name)

    def write(connection: Connection) -> bool:
        if users.any_user(connection):
            return False
        found(connection, organization, owner=user.id)
        users.add(connection, [replace(user, password_hash=password_hash)])
        return True

    try:
        was_first = await services.database.write(write)
    except IntegrityError:
        return None  # another process that started at the same moment was first
    if not was_first:
        return None
    return FirstStart(username=USERNAME, password=password, organization=key)
