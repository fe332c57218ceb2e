"""Taking users out by the million: page by page, in the form that an import takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from vestibule.orgs import repository as orgs
from vestibule.orgs.models import Role
from vestibule.storage.database import Database
from vestibule.users import repository
from vestibule.users.models import User

PAGE = 1000
"""Users that are in memory at once."""


class Exporter:
    """Exports users."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def pages(self, *, with_passwords: bool) -> AsyncIterator[list[dict[str, Any]]]:
        """All users by username, some at a time, each as the fields of an import.

        A user who is there from the beginning to the end is in it once, as it stood at some
        moment in between.
        """
        after = ""
        while found := await self._database.scan(lambda c, name=after: _page(c, name)):  # type: ignore[misc]
            yield [_fields(user, roles, with_passwords=with_passwords) for user, roles in found]
            after = found[-1][0].username


def _page(connection: Connection, after: str) -> list[tuple[User, list[tuple[str, Role]]]]:
    users = repository.list_users(connection, after=after, limit=PAGE)
    roles: dict[UUID, list[tuple[str, Role]]] = defaultdict(list)
    for user_id, key, role in orgs.keys_and_roles_of(connection, [user.id for user in users]):
        roles[user_id].append((key, role))
    return [(user, roles[user.id]) for user in users]


def _fields(user: User, roles: list[tuple[str, Role]], *, with_passwords: bool) -> dict[str, Any]:
    fields = {
        "username": user.username,
        "email_address": user.email_address,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "password_hash": user.password_hash if with_passwords else None,
        "is_active": user.is_active,
        "email_verified": user.email_verified,
        "organizations": [f"{key}:{role.value}" for key, role in roles],
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
