"""Which rows: all that a refresh decides on, in one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from vestibule.orgs.models import Membership, memberships, organizations
from vestibule.orgs.repository import membership_of
from vestibule.sessions.models import Session, sessions
from vestibule.sessions.repository import session_of
from vestibule.storage.lookup import Lookup
from vestibule.users.models import User, users

_USER = len(sessions.columns)
_ORGANIZATION = _USER + len(users.columns)
_EVERYTHING = (
    select(sessions, users, organizations, memberships.c.role, memberships.c.joined_at)
    .select_from(sessions)
    .outerjoin(users, users.c.id == sessions.c.user_id)
    .outerjoin(memberships, memberships.c.user_id == users.c.id)
    .outerjoin(organizations, organizations.c.id == memberships.c.org_id)
    .order_by(organizations.c.name, organizations.c.key)
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A session, whose it is, and what its person belongs to now."""

    session: Session
    user: User | None
    memberships: list[Membership]
    """By the organizations' names, suspended ones included."""


def _standing(rows: Sequence[Sequence[Any]]) -> Standing | None:
    if not rows:
        return None
    first = rows[0]
    return Standing(
        session=session_of(first[:_USER]),
        user=None if first[_USER] is None else User(*first[_USER:_ORGANIZATION]),
        memberships=[
            membership_of(row[_ORGANIZATION:]) for row in rows if row[_ORGANIZATION] is not None
        ],
    )


STANDING: Lookup[UUID, Standing | None] = Lookup(_EVERYTHING, by=sessions.c.id, answer=_standing)
"""How the session of an id stands, alive or not; None where there is none."""
