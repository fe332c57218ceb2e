"""Which rows: organizations and memberships."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select, update

from vestibule.orgs.models import Membership, Organization, Role, memberships, organizations

_memberships_of = (
    select(organizations, memberships.c.role, memberships.c.joined_at)
    .join(memberships, memberships.c.org_id == organizations.c.id)
    .where(memberships.c.user_id == bindparam("user_id"))
    .order_by(organizations.c.name, organizations.c.key)
)


def memberships_of(connection: Connection, user_id: UUID) -> list[Membership]:
    """All memberships of a user, by the organizations' names."""
    rows = connection.execute(_memberships_of, {"user_id": user_id}).all()
    return [
        Membership(organization=Organization(*row[:-2]), role=Role(row[-2]), joined_at=row[-1])
        for row in rows
    ]


def by_key(connection: Connection, key: str) -> Organization | None:
    """The organization of this key."""
    row = connection.execute(select(organizations).where(organizations.c.key == key)).one_or_none()
    return Organization(*row) if row else None


def list_organizations(
    connection: Connection, *, after: str = "", limit: int = 1000
) -> list[Organization]:
    """A page of organizations by key, those behind `after`."""
    statement = (
        select(organizations)
        .where(organizations.c.key > after)
        .order_by(organizations.c.key)
        .limit(limit)
    )
    return [Organization(*row) for row in connection.execute(statement)]


def add(connection: Connection, organization: Organization) -> None:
    """Insert; `IntegrityError` where the key is taken."""
    connection.execute(
        insert(organizations),
        {name: getattr(organization, name) for name in Organization.__slots__},
    )


def change(connection: Connection, org_id: UUID, values: dict[str, Any]) -> None:
    """Set some columns."""
    connection.execute(update(organizations).where(organizations.c.id == org_id).values(**values))


def add_member(
    connection: Connection, *, org_id: UUID, user_id: UUID, role: Role, joined_at: datetime
) -> None:
    """Insert; `IntegrityError` where the user is a member already."""
    values = {"org_id": org_id, "user_id": user_id, "role": role.value, "joined_at": joined_at}
    add_members(connection, [values])


def add_members(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert many, of columns by name."""
    if rows:
        connection.execute(insert(memberships), list(rows))
