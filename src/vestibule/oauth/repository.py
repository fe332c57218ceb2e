"""Which rows: authorization codes and consents."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from vestibule.oauth.models import AuthorizationCode, Consent, authorization_codes, consents

NOWHERE = UUID(int=0)
"""Stands for no organization: a part of a key can't be null."""


def add_code(connection: Connection, code: AuthorizationCode) -> None:
    """Insert."""
    values = {name: getattr(code, name) for name in AuthorizationCode.__slots__}
    connection.execute(insert(authorization_codes), values)


def code_of(connection: Connection, digest: bytes) -> AuthorizationCode | None:
    """The code of this digest, redeemed or not."""
    statement = select(authorization_codes).where(authorization_codes.c.digest == digest)
    row = connection.execute(statement).one_or_none()
    return AuthorizationCode(*row) if row else None


def redeem(connection: Connection, digest: bytes, *, session_id: UUID, now: datetime) -> bool:
    """Mark it redeemed, unless it is: of two at the same instant one gets True."""
    statement = (
        update(authorization_codes)
        .where(authorization_codes.c.digest == digest, authorization_codes.c.redeemed_at.is_(None))
        .values(redeemed_at=now, session_id=session_id)
    )
    return connection.execute(statement).rowcount == 1


def consented(
    connection: Connection, *, user_id: UUID, client_id: str, org_id: UUID | None
) -> frozenset[str]:
    """The scopes that a person has let a client have in an organization, or in none."""
    statement = select(consents.c.scopes).where(*_of(user_id, client_id, org_id))
    scopes: frozenset[str] | None = connection.execute(statement).scalar_one_or_none()
    return scopes or frozenset()


def consent(
    connection: Connection,
    *,
    user_id: UUID,
    client_id: str,
    org_id: UUID | None,
    scopes: frozenset[str],
    now: datetime,
) -> None:
    """Remember that a person lets a client have these scopes too."""
    former = consented(connection, user_id=user_id, client_id=client_id, org_id=org_id)
    values: dict[str, Any] = {"scopes": former | scopes, "granted_at": now}
    where = _of(user_id, client_id, org_id)
    if connection.execute(update(consents).where(*where).values(**values)).rowcount == 0:
        values |= {"user_id": user_id, "client_id": client_id, "org_id": org_id or NOWHERE}
        connection.execute(insert(consents), values)


def consents_of(connection: Connection, *, user_id: UUID) -> list[Consent]:
    """All of a person, by client."""
    statement = (
        select(consents)
        .where(consents.c.user_id == user_id)
        .order_by(consents.c.client_id, consents.c.org_id)
    )
    return [
        Consent(
            client_id=row.client_id,
            org_id=None if row.org_id == NOWHERE else row.org_id,
            scopes=sorted(row.scopes),
            granted_at=row.granted_at,
        )
        for row in connection.execute(statement)
    ]


def withdraw_consent(connection: Connection, *, user_id: UUID, client_id: str) -> int:
    """Delete those of one client; returns how many that were."""
    statement = delete(consents).where(
        consents.c.user_id == user_id, consents.c.client_id == client_id
    )
    return connection.execute(statement).rowcount


def _of(user_id: UUID, client_id: str, org_id: UUID | None) -> tuple[ColumnElement[bool], ...]:
    return (
        consents.c.user_id == user_id,
        consents.c.client_id == client_id,
        consents.c.org_id == (org_id or NOWHERE),
    )
