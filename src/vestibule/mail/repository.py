"""The queries of mail that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from vestibule.mail.models import mails


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, as the table has it."""

    id: UUID
    kind: str
    sealed: bytes
    attempts: int
    due_at: datetime
    expires_at: datetime
    created_at: datetime


def add(connection: Connection, row: Waiting) -> None:
    """Insert."""
    connection.execute(insert(mails), {name: getattr(row, name) for name in Waiting.__slots__})


def due(connection: Connection, *, now: datetime, limit: int) -> list[Waiting]:
    """Those whose time has come, the longest due first."""
    statement = select(mails).where(mails.c.due_at <= now).order_by(mails.c.due_at).limit(limit)
    return [Waiting(*row) for row in connection.execute(statement)]


def claim(connection: Connection, row: Waiting, *, until: datetime) -> bool:
    """Take it on until that moment; whether nobody else has meanwhile."""
    statement = (
        update(mails)
        .where(mails.c.id == row.id, mails.c.due_at == row.due_at)
        .values(due_at=until, attempts=row.attempts + 1)
    )
    return connection.execute(statement).rowcount == 1


def put_off(connection: Connection, mail_id: UUID, *, until: datetime) -> None:
    """Try again then."""
    connection.execute(update(mails).where(mails.c.id == mail_id).values(due_at=until))


def remove(connection: Connection, mail_id: UUID) -> None:
    """Delete."""
    connection.execute(delete(mails).where(mails.c.id == mail_id))
