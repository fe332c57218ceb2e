"""Which rows: sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from vestibule.sessions.models import Session, SessionKind, sessions

_insert = insert(sessions)
_names = tuple(Session.__slots__)
_by_id = select(sessions).where(sessions.c.id == bindparam("session_id"))
_rotate = (
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.digest == bindparam("presented"),
        sessions.c.ended_at.is_(None),
        or_(sessions.c.dpop_jkt.is_(None), sessions.c.dpop_jkt == bindparam("dpop_jkt")),
    )
    .values(
        digest=bindparam("successor"),
        previous_digest=bindparam("presented"),
        salt=bindparam("salt"),
        generation=sessions.c.generation + 1,
        rotated_at=bindparam("now"),
        last_seen_at=bindparam("now"),
        org_id=bindparam("org_id"),
        dpop_jkt=func.coalesce(sessions.c.dpop_jkt, bindparam("dpop_jkt")),
        address=bindparam("address"),
        user_agent=bindparam("user_agent"),
    )
)


def row(session: Session) -> dict[str, Any]:
    """Its columns."""
    return {name: getattr(session, name) for name in _names}


def add(connection: Connection, session: Session) -> None:
    """Insert."""
    connection.execute(_insert, row(session))


def by_id(connection: Connection, session_id: UUID) -> Session | None:
    """The session of this id."""
    row = connection.execute(_by_id, {"session_id": session_id}).one_or_none()
    return session_of(row) if row else None


def live_of(
    connection: Connection,
    *,
    user_id: UUID,
    now: datetime,
    idle_since: datetime,
    after: UUID | None,
    limit: int,
) -> list[Session]:
    """A page of a user's sessions that have not ended and were seen later than `idle_since`.

    The one seen last comes first; with `after`, those behind that one of them.
    """
    statement = (
        select(sessions)
        .where(
            sessions.c.user_id == user_id,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > now,
            sessions.c.last_seen_at > idle_since,
        )
        .order_by(sessions.c.last_seen_at.desc(), sessions.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        mark = select(sessions.c.last_seen_at).where(
            sessions.c.id == after, sessions.c.user_id == user_id
        )
        seen_at = mark.scalar_subquery()
        statement = statement.where(
            or_(
                sessions.c.last_seen_at < seen_at,
                and_(sessions.c.last_seen_at == seen_at, sessions.c.id < after),
            )
        )
    return [session_of(row) for row in connection.execute(statement)]


def rotate(
    connection: Connection,
    *,
    session_id: UUID,
    presented: bytes,
    successor: bytes,
    salt: bytes,
    org_id: UUID | None,
    dpop_jkt: str | None,
    address: str,
    user_agent: str,
    now: datetime,
) -> bool:
    """Put the successor in place of what was presented, if that is still the one to spend.

    One statement decides: of two at the same instant, on any number of instances, one gets True.
    """
    done = connection.execute(
        _rotate,
        {
            "session_id": session_id,
            "presented": presented,
            "successor": successor,
            "salt": salt,
            "org_id": org_id,
            "dpop_jkt": dpop_jkt,
            "address": address,
            "user_agent": user_agent,
            "now": now,
        },
    )
    return done.rowcount == 1


def seen(connection: Connection, session_id: UUID, *, now: datetime, address: str) -> None:
    """Set when and where it was seen last."""
    statement = update(sessions).where(sessions.c.id == session_id)
    connection.execute(statement.values(last_seen_at=now, address=address))


def end(
    connection: Connection,
    *,
    now: datetime,
    cause: str,
    session_id: UUID | None = None,
    user_id: UUID | None = None,
    spare: UUID | None = None,
    client_id: str | None = None,
    directory: str | None = None,
) -> int:
    """End one session, or all of a user but one; with both, one that must be that user's.

    With `client_id` only those of that client, with `directory` those that began through it.

    Returns how many that were.
    """
    if session_id is None and user_id is None:
        raise ValueError("name a session or a user")
    statement = update(sessions).where(sessions.c.ended_at.is_(None))
    if session_id is not None:
        statement = statement.where(sessions.c.id == session_id)
    if user_id is not None:
        statement = statement.where(sessions.c.user_id == user_id)
    if spare is not None:
        statement = statement.where(sessions.c.id != spare)
    if client_id is not None:
        statement = statement.where(sessions.c.client_id == client_id)
    if directory is not None:
        statement = statement.where(sessions.c.directory == directory)
    return connection.execute(statement.values(ended_at=now, end_cause=cause)).rowcount


def withdrawn(connection: Connection, *, user_id: UUID, auth_time: datetime) -> bool:
    """Whether the browser's sign-in of that moment was ended because it was not trusted any more.

    What was approved in it and not redeemed yet must not outlive a new password. Signing out, or
    in once more, is no such thing: who approves a device may well close the door behind them.
    """
    statement = (
        select(sessions.c.id)
        .where(
            sessions.c.user_id == user_id,
            sessions.c.kind == SessionKind.BROWSER.value,
            sessions.c.auth_time == auth_time,
            sessions.c.ended_at.is_not(None),
            sessions.c.end_cause.not_in(("logged_out", "replaced")),
        )
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def session_of(row: Sequence[Any]) -> Session:
    """The session of its columns."""
    # By position, as in the table: every refresh reads one.
    values: list[Any] = list(row)
    values[1] = SessionKind(values[1])
    return Session(*values)
