"""Whether a genuine access token is still alive: what only the database can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from vestibule.clients.models import clients
from vestibule.clock import Clock, utc
from vestibule.orgs.models import memberships, organizations
from vestibule.sessions.models import sessions
from vestibule.storage.database import Database
from vestibule.tokens import repository as tokens
from vestibule.tokens.models import revoked_tokens
from vestibule.tokens.subject import AccessToken
from vestibule.users.models import users

_standing = (
    select(
        users.c.username,
        users.c.email_address,
        users.c.email_verified,
        users.c.is_active,
        users.c.is_admin,
        sessions.c.id,
        sessions.c.ended_at,
        sessions.c.expires_at,
        sessions.c.org_confined,
        sessions.c.directory,
        memberships.c.role,
        organizations.c.is_active,
        clients.c.is_active,
        revoked_tokens.c.jti,
    )
    .select_from(users)
    .outerjoin(sessions, sessions.c.id == bindparam("session_id"))
    .outerjoin(
        memberships,
        and_(memberships.c.user_id == users.c.id, memberships.c.org_id == bindparam("org_id")),
    )
    .outerjoin(organizations, organizations.c.id == memberships.c.org_id)
    .outerjoin(revoked_tokens, revoked_tokens.c.jti == bindparam("jti"))
    .outerjoin(clients, clients.c.client_id == bindparam("client_id"))
    .where(users.c.id == bindparam("user_id"))
)
"""All of it by key, in one look-up: every authenticated request asks this."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a person whose access token is alive."""

    username: str
    email_address: str | None
    email_verified: bool
    is_admin: bool
    org_confined: bool
    """Whether the person has let the client into the token's organization alone."""
    directory: str | None
    """Key of the upstream directory that the person signed in through."""
    may_enter: bool
    """Whether the person still belongs to the token's organization, and that is not suspended.

    Services behind must not take the token otherwise. Our own routes ask for the membership of
    the organization that they are about, whichever the token is for."""
    org_role: str | None
    """The present role in the token's organization."""


class Liveness:
    """Looks it up."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, access: AccessToken) -> Standing | None:
        """How the person of a token stands now; None where the token is worth nothing any more.

        So it is once it was revoked, its session has ended, the account was disabled, or the client
        switched off.
        """
        return await self._database.read(lambda c: self._of(c, access))

    async def client_token_is_alive(self, access: AccessToken) -> bool:
        """The same for a token that speaks of a client itself."""
        return not await self._database.read(lambda c: tokens.is_revoked(c, access.jti))

    def _of(self, connection: Connection, access: AccessToken) -> Standing | None:
        subject = access.subject
        row = connection.execute(
            _standing,
            {
                "user_id": subject.user_id,
                "session_id": subject.session_id,
                "org_id": subject.org_id,
                "client_id": subject.client_id,
                "jti": access.jti,
            },
        ).one_or_none()
        return _judged(row, access, utc(self._clock)) if row else None


def _judged(row: Any, access: AccessToken, now: datetime) -> Standing | None:
    *before, role, org_is_active, client_is_active, revoked = row
    username, email_address, email_verified, is_active, is_admin, *session = before
    session_id, ended_at, expires_at, org_confined, directory = session
    if not is_active or revoked is not None:
        return None
    if client_is_active is False:  # the built-in one has no row
        return None
    if session_id is None or ended_at is not None or expires_at <= now:
        return None
    return Standing(
        username=username,
        email_address=email_address,
        email_verified=email_verified,
        is_admin=is_admin,
        org_confined=org_confined,
        directory=directory,
        may_enter=access.subject.org_id is None or bool(role and org_is_active),
        org_role=role if org_is_active else None,
    )
