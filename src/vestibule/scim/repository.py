"""The queries of provisioning. All but those of tokens are within one organization."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, insert, select, update

from vestibule.orgs.models import Organization, Role, organizations
from vestibule.scim.models import (
    ProvisionedGroup,
    ProvisionedUser,
    ScimToken,
    scim_group_members as members,
    scim_groups as groups,
    scim_tokens as tokens,
    scim_users as users,
)

# Tokens


def add_token(connection: Connection, token: ScimToken) -> None:
    """Insert."""
    connection.execute(insert(tokens), {n: getattr(token, n) for n in ScimToken.__slots__})


def token_and_organization(
    connection: Connection, token_id: UUID
) -> tuple[ScimToken, Organization] | None:
    """The token of this id, and whose it is."""
    statement = (
        select(tokens, organizations)
        .join(organizations, organizations.c.id == tokens.c.org_id)
        .where(tokens.c.id == token_id)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    count = len(tokens.columns)
    return ScimToken(*row[:count]), Organization(*row[count:])


def tokens_of(connection: Connection, org_id: UUID) -> list[ScimToken]:
    """All of an organization, oldest first."""
    statement = select(tokens).where(tokens.c.org_id == org_id).order_by(tokens.c.id)
    return [ScimToken(*row) for row in connection.execute(statement)]


def change_token(
    connection: Connection, *, org_id: UUID, token_id: UUID, values: dict[str, Any]
) -> bool:
    """Set some columns of one that is not revoked; whether there is one."""
    statement = update(tokens).where(
        tokens.c.id == token_id, tokens.c.org_id == org_id, tokens.c.revoked_at.is_(None)
    )
    return connection.execute(statement.values(**values)).rowcount == 1


# Users


def add_user(connection: Connection, user: ProvisionedUser) -> None:
    """Insert; `IntegrityError` where the name or the account is taken."""
    connection.execute(insert(users), {n: getattr(user, n) for n in ProvisionedUser.__slots__})


def user(connection: Connection, *, org_id: UUID, user_id: UUID) -> ProvisionedUser | None:
    """The one of this id."""
    statement = select(users).where(users.c.org_id == org_id, users.c.user_id == user_id)
    row = connection.execute(statement).one_or_none()
    return ProvisionedUser(*row) if row else None


def change_user(
    connection: Connection, *, org_id: UUID, user_id: UUID, values: dict[str, Any]
) -> None:
    """Set some columns; `IntegrityError` where the name is taken."""
    connection.execute(
        update(users).where(users.c.org_id == org_id, users.c.user_id == user_id).values(**values)
    )


def remove_user(connection: Connection, *, org_id: UUID, user_id: UUID) -> None:
    """Delete, from groups as well."""
    for table in (members, users):
        connection.execute(
            delete(table).where(table.c.org_id == org_id, table.c.user_id == user_id)
        )


def count_users(connection: Connection, org_id: UUID) -> int:
    """How many there are."""
    statement = select(func.count()).select_from(users).where(users.c.org_id == org_id)
    return int(connection.execute(statement).scalar_one())


def page_of_users(
    connection: Connection, org_id: UUID, *, offset: int, limit: int
) -> list[ProvisionedUser]:
    """Those of a page, in the order of their ids."""
    statement = select(users).where(users.c.org_id == org_id).order_by(users.c.user_id)
    return [ProvisionedUser(*r) for r in connection.execute(statement.offset(offset).limit(limit))]


def users_by(connection: Connection, org_id: UUID, *, column: str, value: str) -> list[Any]:
    """Those of this name or external id."""
    statement = select(users).where(users.c.org_id == org_id, users.c[column] == value)
    return [ProvisionedUser(*row) for row in connection.execute(statement)]


def known_users(connection: Connection, org_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these there are."""
    statement = select(users.c.user_id).where(users.c.org_id == org_id, users.c.user_id.in_(ids))
    return set(connection.scalars(statement))


def awaits(connection: Connection, user_id: UUID, directory: str) -> bool:
    """Whether the account was made by the provider of an organization that demands this directory.

    Whom that directory vouches for by their address is then who is meant.
    """
    statement = (
        select(users.c.user_id)
        .join(organizations, organizations.c.id == users.c.org_id)
        .where(
            users.c.user_id == user_id, users.c.made_account, organizations.c.directory == directory
        )
        .limit(1)
    )
    return connection.execute(statement).first() is not None


# Groups


def add_group(connection: Connection, group: ProvisionedGroup) -> None:
    """Insert; `IntegrityError` where the name is taken."""
    connection.execute(insert(groups), {n: getattr(group, n) for n in ProvisionedGroup.__slots__})


def group(connection: Connection, *, org_id: UUID, group_id: UUID) -> ProvisionedGroup | None:
    """The one of this id."""
    statement = select(groups).where(groups.c.org_id == org_id, groups.c.id == group_id)
    row = connection.execute(statement).one_or_none()
    return _group(row) if row else None


def change_group(
    connection: Connection, *, org_id: UUID, group_id: UUID, values: dict[str, Any]
) -> None:
    """Set some columns; `IntegrityError` where the name is taken."""
    connection.execute(
        update(groups).where(groups.c.org_id == org_id, groups.c.id == group_id).values(**values)
    )


def remove_group(connection: Connection, *, org_id: UUID, group_id: UUID) -> None:
    """Delete, its memberships as well."""
    connection.execute(
        delete(members).where(members.c.org_id == org_id, members.c.group_id == group_id)
    )
    connection.execute(delete(groups).where(groups.c.org_id == org_id, groups.c.id == group_id))


def groups_of_organization(connection: Connection, org_id: UUID) -> list[ProvisionedGroup]:
    """All of them, in the order of their ids."""
    statement = select(groups).where(groups.c.org_id == org_id).order_by(groups.c.id)
    return [_group(row) for row in connection.execute(statement)]


def members_of(
    connection: Connection, org_id: UUID, group_ids: Sequence[UUID]
) -> dict[UUID, set[UUID]]:
    """The members of each of these groups."""
    statement = select(members.c.group_id, members.c.user_id).where(
        members.c.org_id == org_id, members.c.group_id.in_(group_ids)
    )
    found: dict[UUID, set[UUID]] = {group_id: set() for group_id in group_ids}
    for group_id, user_id in connection.execute(statement):
        found[group_id].add(user_id)
    return found


def groups_of_users(
    connection: Connection, org_id: UUID, user_ids: Sequence[UUID]
) -> dict[UUID, list[ProvisionedGroup]]:
    """The groups of each of these users."""
    statement = (
        select(members.c.user_id, groups)
        .join(groups, (groups.c.org_id == members.c.org_id) & (groups.c.id == members.c.group_id))
        .where(members.c.org_id == org_id, members.c.user_id.in_(user_ids))
        .order_by(groups.c.id)
    )
    found: dict[UUID, list[ProvisionedGroup]] = {user_id: [] for user_id in user_ids}
    for user_id, *columns in connection.execute(statement):
        found[user_id].append(_group(columns))
    return found


def set_members(
    connection: Connection, *, org_id: UUID, group_id: UUID, before: set[UUID], after: set[UUID]
) -> None:
    """Let exactly these belong to the group."""
    where = (members.c.org_id == org_id, members.c.group_id == group_id)
    if gone := before - after:
        connection.execute(delete(members).where(*where, members.c.user_id.in_(gone)))
    if new := after - before:
        connection.execute(
            insert(members),
            [{"org_id": org_id, "group_id": group_id, "user_id": user_id} for user_id in new],
        )


def _group(row: Sequence[Any]) -> ProvisionedGroup:
    org_id, group_id, name, external_id, role, version, created_at, updated_at = row
    return ProvisionedGroup(
        org_id, group_id, name, external_id, Role(role) if role else None, version,
        created_at, updated_at,
    )  # fmt: skip


def touch_token(connection: Connection, token_id: UUID, *, now: datetime) -> None:
    """Say when it was used."""
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=now))
