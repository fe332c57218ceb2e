"""Which rows: members with their names, and invitations. A query by id names the organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from vestibule.members.models import Invitation, invitations
from vestibule.orgs.models import Role, memberships
from vestibule.users.models import users


@dataclass(frozen=True, slots=True)
class Member:
    """A membership with the names of its user."""

    user_id: UUID
    username: str
    email_address: str | None
    full_name: str
    role: Role
    joined_at: datetime


def list_members(
    connection: Connection,
    *,
    org_id: UUID,
    after: UUID | None = None,
    limit: int = 1000,
    only: UUID | None = None,
) -> list[Member]:
    """A page of the members by user id, which is by the age of the accounts."""
    statement = (
        select(
            memberships.c.user_id,
            users.c.username,
            users.c.email_address,
            users.c.first_name,
            users.c.last_name,
            memberships.c.role,
            memberships.c.joined_at,
        )
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.org_id == org_id)
        .order_by(memberships.c.user_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(memberships.c.user_id > after)
    if only is not None:
        statement = statement.where(memberships.c.user_id == only)
    return [
        Member(
            user_id=row.user_id,
            username=row.username,
            email_address=row.email_address,
            full_name=f"{row.first_name} {row.last_name}".strip(),
            role=Role(row.role),
            joined_at=row.joined_at,
        )
        for row in connection.execute(statement)
    ]


def is_member(connection: Connection, *, org_id: UUID, email_address: str) -> bool:
    """Whether the account of this address is a member."""
    statement = (
        select(memberships.c.user_id)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.org_id == org_id, users.c.email_address == email_address)
    )
    return connection.execute(statement).first() is not None


def add_invitation(connection: Connection, invitation: Invitation) -> None:
    """Insert."""
    values = {name: getattr(invitation, name) for name in Invitation.__slots__}
    connection.execute(insert(invitations), values)


def open_by_digest(
    connection: Connection, digests: Sequence[bytes], *, now: datetime
) -> Invitation | None:
    """The invitation that one of these is the digest of, if it can still be accepted."""
    row = connection.execute(
        select(invitations).where(invitations.c.digest.in_(digests), _is_open(now))
    ).one_or_none()
    return _invitation(row) if row else None


def open_invitations(
    connection: Connection,
    *,
    org_id: UUID,
    now: datetime,
    after: UUID | None = None,
    limit: int = 1000,
    email_address: str | None = None,
) -> list[Invitation]:
    """A page of those that can still be accepted, oldest first; with an address, only its own."""
    statement = (
        select(invitations)
        .where(invitations.c.org_id == org_id, _is_open(now))
        .order_by(invitations.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(invitations.c.id > after)
    if email_address is not None:
        statement = statement.where(invitations.c.email_address == email_address)
    return [_invitation(row) for row in connection.execute(statement)]


def open_invitation(
    connection: Connection, *, org_id: UUID, invitation_id: UUID, now: datetime
) -> Invitation | None:
    """The invitation of this id in this organization, if it can still be accepted."""
    row = connection.execute(
        select(invitations).where(
            invitations.c.org_id == org_id, invitations.c.id == invitation_id, _is_open(now)
        )
    ).one_or_none()
    return _invitation(row) if row else None


def invited_since(connection: Connection, *, org_id: UUID, moment: datetime) -> int:
    """How many invitations were made since then."""
    statement = select(func.count()).where(
        invitations.c.org_id == org_id, invitations.c.created_at > moment
    )
    return connection.execute(statement).scalar_one()


def revoke(connection: Connection, *, org_id: UUID, invitation_id: UUID, now: datetime) -> None:
    """Take an open one back."""
    connection.execute(
        update(invitations)
        .where(invitations.c.org_id == org_id, invitations.c.id == invitation_id, _is_open(now))
        .values(revoked_at=now)
    )


def spend(connection: Connection, *, invitation_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Mark it accepted; False where it can't be any more. Of two at once, one gets True."""
    statement = (
        update(invitations)
        .where(invitations.c.id == invitation_id, _is_open(now))
        .values(accepted_at=now, accepted_by=user_id)
    )
    return connection.execute(statement).rowcount == 1


def _is_open(now: datetime) -> ColumnElement[bool]:
    return and_(
        invitations.c.accepted_at.is_(None),
        invitations.c.revoked_at.is_(None),
        invitations.c.expires_at > now,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(**{**row._mapping, "role": Role(row.role)})
