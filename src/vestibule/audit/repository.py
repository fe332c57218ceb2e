"""Which rows: audit events. They are added, never changed, and forgotten when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    TableClause,
    bindparam,
    column,
    delete,
    insert,
    select,
    table as table_clause,
)

from vestibule.audit.models import AuditEvent, Result, Wanted, audit_events
from vestibule.ids import floor_id

SIGNED_IN = "signed_in"
"""The cause of every success with which a person has proved who they are."""

_insert = insert(audit_events)
_names = tuple(AuditEvent.__slots__)
_success_from = (
    select(audit_events.c.id)
    .where(
        audit_events.c.user_id == bindparam("user_id"),
        audit_events.c.network == bindparam("network"),
        audit_events.c.result == Result.SUCCESS.value,
        # Not what a key or a token did there: it may be in other hands.
        audit_events.c.cause == SIGNED_IN,
    )
    .limit(1)
)


def row(event: AuditEvent) -> dict[str, Any]:
    """Its columns."""
    return {name: getattr(event, name) for name in _names}


def add(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Insert them all."""
    connection.execute(_insert, [row(event) for event in events])


def latest(connection: Connection, *, limit: int, after: UUID | None = None) -> list[AuditEvent]:
    """The newest `limit` events, oldest of them first; with `after`, the next behind that one."""
    statement = select(audit_events).limit(limit)
    if after is None:
        rows = connection.execute(statement.order_by(audit_events.c.id.desc())).all()[::-1]
    else:
        statement = statement.where(audit_events.c.id > after).order_by(audit_events.c.id)
        rows = list(connection.execute(statement).all())
    return [event_of(row) for row in rows]


def look_through(
    connection: Connection, wanted: Wanted, *, before: UUID, rows: int | None, limit: int
) -> tuple[list[AuditEvent], UUID | None]:
    """Of the newest so many `rows` before that one those that are wanted, newest first.

    And the last row that was looked at, where there may be more behind it. Whatever is wanted,
    this costs no more than reading so many rows in the order of the primary key. Where everything
    is, none are looked at in vain, and `rows` is None.
    """
    oldest = floor_id(wanted.since) if wanted.since else UUID(int=0)
    key = audit_events.c.id
    edge = None
    if rows is not None:
        edge = connection.execute(
            select(key)
            .where(key < before, key >= oldest)
            .order_by(key.desc())
            .offset(rows - 1)
            .limit(1)
        ).scalar()
    # By its ids and not by their number: others may be written meanwhile.
    statement = select(audit_events).where(key < before, key >= (edge or oldest))
    found = connection.execute(
        statement.where(*_conditions(wanted)).order_by(key.desc()).limit(limit)
    )
    return [event_of(row) for row in found], edge


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = audit_events.c
    return [
        columns[field.name] == value
        for field in fields(wanted)
        if field.name in columns and (value := getattr(wanted, field.name)) is not None
    ]


def of_user(
    connection: Connection, *, user_id: UUID, before: UUID | None, limit: int
) -> list[AuditEvent]:
    """A page of what happened on an account, newest first; with `before`, what came before that."""
    statement = (
        select(audit_events)
        .where(audit_events.c.user_id == user_id)
        .order_by(audit_events.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(audit_events.c.id < before)
    return [event_of(row) for row in connection.execute(statement)]


def event_of(row: Row[Any]) -> AuditEvent:
    """The event of its columns."""
    return AuditEvent(**{**row._mapping, "result": Result(row.result)})


def forget(
    connection: Connection, *, before: datetime, limit: int, table: str = audit_events.name
) -> int:
    """Delete at most `limit` of what was written before that moment, oldest first; how many.

    Ids are ordered by time, so the primary key finds them. `table` may be a partition's name.
    """
    rows = audit_events if table == audit_events.name else _partition(table)
    old = select(rows.c.id).where(rows.c.id < floor_id(before)).order_by(rows.c.id).limit(limit)
    return connection.execute(delete(rows).where(rows.c.id.in_(old))).rowcount


@lru_cache
def _partition(name: str) -> TableClause:
    return table_clause(name, column("id", audit_events.c.id.type))


def has_signed_in_from(connection: Connection, *, user_id: UUID, network: str) -> bool:
    """Whether this user has signed in from this network before."""
    found = connection.execute(_success_from, {"user_id": user_id, "network": network})
    return found.first() is not None
