"""Which rows: organizations and memberships."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from vestibule.orgs.models import Membership, Organization, Role, memberships, organizations
from vestibule.orgs.policy import Standing
from vestibule.storage.bulk import add_rows
from vestibule.storage.lookup import Lookup


def membership_of(row: Sequence[Any]) -> Membership:
    """The membership of an organization's columns, the role and the moment of joining."""
    return Membership(organization=Organization(*row[:-2]), role=Role(row[-2]), joined_at=row[-1])


MEMBERSHIPS_OF: Lookup[UUID, list[Membership]] = Lookup(
    select(organizations, memberships.c.role, memberships.c.joined_at)
    .join(memberships, memberships.c.org_id == organizations.c.id)
    .order_by(organizations.c.name, organizations.c.key),
    by=memberships.c.user_id,
    answer=lambda rows: [membership_of(row) for row in rows],
)
_standing = select(organizations, memberships.c.role).join(
    memberships,
    and_(
        memberships.c.org_id == organizations.c.id,
        memberships.c.user_id == bindparam("user_id"),
    ),
    isouter=True,
)
_standing_by_key = _standing.where(organizations.c.key == bindparam("key"))
_standing_by_id = _standing.where(organizations.c.id == bindparam("org_id"))


def memberships_of(connection: Connection, user_id: UUID) -> list[Membership]:
    """All memberships of a user, by the organizations' names."""
    return MEMBERSHIPS_OF.one(connection, user_id)


def by_key(connection: Connection, key: str) -> Organization | None:
    """The organization of this key."""
    row = connection.execute(select(organizations).where(organizations.c.key == key)).one_or_none()
    return Organization(*row) if row else None


def standing(
    connection: Connection, *, key: str, user_id: UUID, lock: bool = False
) -> Standing | None:
    """How this user stands to the organization of this key; None where there is none."""
    return _stands(connection, _standing_by_key, {"key": key, "user_id": user_id}, lock=lock)


def standing_by_id(
    connection: Connection, *, org_id: UUID, user_id: UUID, lock: bool = False
) -> Standing | None:
    """The same by the organization's id."""
    return _stands(connection, _standing_by_id, {"org_id": org_id, "user_id": user_id}, lock=lock)


def _stands(
    connection: Connection, statement: Select[Any], values: dict[str, Any], *, lock: bool
) -> Standing | None:
    if lock:
        # Where there are several writers, those of one organization wait for each other.
        statement = statement.with_for_update(of=organizations)
    row = connection.execute(statement, values).one_or_none()
    if row is None:
        return None
    return Standing(
        organization=Organization(*row[:-1]), role=None if row[-1] is None else Role(row[-1])
    )


def list_organizations(
    connection: Connection, *, start: str = "", after: str = "", limit: int = 1000
) -> list[Organization]:
    """A page of organizations by key, those behind `after` whose keys start so."""
    statement = (
        select(organizations)
        .where(organizations.c.key > after)
        .where(organizations.c.key.startswith(start, autoescape=True) if start else true())
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
    add_rows(connection, memberships, rows)


def keys_and_roles_of(
    connection: Connection, user_ids: Sequence[UUID]
) -> list[tuple[UUID, str, Role]]:
    """The memberships of some users: whose, of which organization, in which role."""
    statement = (
        select(memberships.c.user_id, organizations.c.key, memberships.c.role)
        .join(organizations, organizations.c.id == memberships.c.org_id)
        .where(memberships.c.user_id.in_(user_ids))
        .order_by(memberships.c.user_id, organizations.c.key)
    )
    return [(user_id, key, Role(role)) for user_id, key, role in connection.execute(statement)]


def role_of(connection: Connection, *, org_id: UUID, user_id: UUID) -> Role | None:
    """The role of a member; None for a stranger."""
    found = connection.execute(
        select(memberships.c.role).where(*_membership(org_id, user_id))
    ).scalar_one_or_none()
    return None if found is None else Role(found)


def change_role(connection: Connection, *, org_id: UUID, user_id: UUID, role: Role) -> bool:
    """Give a member this role; False where nothing changed, for the last owner's sake."""
    statement = update(memberships).where(*_membership(org_id, user_id)).values(role=role.value)
    if role is not Role.OWNER:
        statement = statement.where(_leaves_an_owner(org_id))
    return connection.execute(statement).rowcount == 1


def remove_member(connection: Connection, *, org_id: UUID, user_id: UUID) -> bool:
    """Delete a membership; False where nothing changed, for the last owner's sake."""
    statement = delete(memberships).where(*_membership(org_id, user_id), _leaves_an_owner(org_id))
    return connection.execute(statement).rowcount == 1


def demote_owners(connection: Connection, *, org_id: UUID, heir: UUID, former: UUID | None) -> None:
    """Make the former owner an admin, or where none is named all owners but the heir."""
    statement = update(memberships).where(
        memberships.c.org_id == org_id,
        memberships.c.role == Role.OWNER.value,
        memberships.c.user_id != heir,
    )
    if former is not None:
        statement = statement.where(memberships.c.user_id == former)
    connection.execute(statement.values(role=Role.ADMIN.value))


def _membership(org_id: UUID, user_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return memberships.c.org_id == org_id, memberships.c.user_id == user_id


def _leaves_an_owner(org_id: UUID) -> ColumnElement[bool]:
    """The condition of the statement itself, so that nothing can come between."""
    owners = memberships.alias()
    count = (
        select(func.count())
        .where(owners.c.org_id == org_id, owners.c.role == Role.OWNER.value)
        .scalar_subquery()
    )
    return or_(memberships.c.role != Role.OWNER.value, count > 1)
