"""The months of the trail on PostgreSQL: made ahead, and dropped whole when they are old.

Deleting a row costs as much as adding it, and leaves a hole; a month that is dropped costs
nothing. The names are `audit_events_yYYYYmMM`, `audit_events_before_yYYYYmMM` for what was there
before there were months (until that one's beginning), and `audit_events_default`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from vestibule.ids import floor_id

AHEAD = 2
"""Months that there are besides the present one."""
LOCK_TIMEOUT = "2s"
"""How long to wait for a lock on the table: whoever signs in waits behind it."""
MOST_MOVED = 10_000
"""Rows that the default partition gives to their month: whoever needs it waits for that, a fifth of
a second."""
MOST_LOOKED_THROUGH = 2_000_000
"""Rows of the default partition that are looked through while whoever needs it waits: a second."""
ONE_AT_A_TIME = 0x76737461
"""Our key among PostgreSQL's advisory locks."""

DEFAULT = "audit_events_default"
EVERY_ID = UUID(int=0), UUID(int=2**128 - 1)
_NAME = re.compile(r"audit_events_(before_)?y(\d{4})m(\d\d)")
_tables = text(
    "SELECT c.relname, i.inhrelid IS NOT NULL AS attached FROM pg_class c"
    " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relnamespace = (SELECT relnamespace FROM pg_class"
    " WHERE oid = to_regclass('audit_events')) AND c.relname LIKE 'audit\\_events\\_%'"
)
_in_default = text(
    "SELECT count(*) FROM (SELECT 1 FROM audit_events_default"
    " WHERE id >= :first AND id < :following LIMIT :most) AS found"
)
_is_partitioned = text(
    "SELECT 1 FROM pg_class WHERE oid = to_regclass('audit_events') AND relkind = 'p'"
)


def are_kept(connection: Connection) -> bool:
    """Whether this database keeps the trail by months."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.execute(_is_partitioned).first() is not None


class Made(NamedTuple):
    """What one step has made."""

    months: int
    passed_over: list[str]
    """Months that are lacking and stay so: the default partition has too many rows."""


def make_next(connection: Connection, *, now: datetime) -> Made:
    """Make one month that is lacking, of the present and those ahead.

    Those of its rows that came before it move there. A month of which there are too many is
    passed over, so that it does not keep the following ones from being made; where the default
    partition has too many to be looked through, all are.
    """
    if not _alone(connection):
        return Made(0, [])
    there = _found(connection)
    lacking = dict(_lacking(there, now=now))
    # Asked without a lock: ATTACH would look through all of that partition.
    looks = bool(lacking) and there.get(DEFAULT, False)
    strays = _strays(connection, *EVERY_ID, most=MOST_LOOKED_THROUGH) if looks else 0
    if strays > MOST_LOOKED_THROUGH:
        return Made(0, list(lacking))
    passed_over = []
    for name, bounds in lacking.items():
        came_before = _strays(connection, *bounds, most=MOST_MOVED) if strays else 0
        if came_before > MOST_MOVED:
            passed_over.append(name)
            continue
        if name not in there:
            connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE audit_events INCLUDING ALL)")
        if came_before:
            _move(connection, *bounds, to=name)
        # Attached rather than made in place: an insert waits for that in the default partition
        # alone, which is looked through. A constraint would spare that; one that was left behind
        # would keep people from signing in.
        connection.exec_driver_sql(
            f"ALTER TABLE audit_events ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
        )
        return Made(1, passed_over)
    return Made(0, passed_over)


def detach_next(connection: Connection, *, before: datetime) -> int:
    """Detach one partition that holds nothing but what was written before that moment."""
    if not _alone(connection):
        return 0
    for name in _over(_found(connection), attached=True, before=before):
        connection.exec_driver_sql(f"ALTER TABLE audit_events DETACH PARTITION {name}")
        return 1
    return 0


def drop_next(connection: Connection, *, before: datetime) -> int:
    """Drop one that was detached. Apart from it: nobody waits until its files are gone."""
    if not _alone(connection):
        return 0
    for name in _over(_found(connection), attached=False, before=before):
        connection.exec_driver_sql(f"DROP TABLE {name}")
        return 1
    return 0


def in_no_month(connection: Connection) -> list[str]:
    """The partitions whose rows are deleted one by one: they are of no one month."""
    return [
        name
        for name, attached in _found(connection).items()
        if attached and (name == DEFAULT or name.startswith("audit_events_before_"))
    ]


def _lacking(there: dict[str, bool], *, now: datetime) -> Iterator[tuple[str, tuple[UUID, UUID]]]:
    """The present month and those ahead of it that are not there, and the bounds of their ids."""
    for later in range(AHEAD + 1):
        month, following = _month(now, later), _month(now, later + 1)
        name = f"audit_events_y{month:%Y}m{month:%m}"
        covered = any(before > month for before in _ends_of_before(there))
        if not covered and not there.get(name):
            yield name, (floor_id(month), floor_id(following))


def _strays(connection: Connection, first: UUID, following: UUID, *, most: int) -> int:
    """How many rows of these ids the default partition holds; one too many stands for any more."""
    values = {"first": first, "following": following, "most": most + 1}
    return int(connection.execute(_in_default, values).scalar_one())


def _move(connection: Connection, first: UUID, following: UUID, *, to: str) -> None:
    """Move the rows of a month out of the default partition; no more come until this commits."""
    connection.exec_driver_sql(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
    connection.exec_driver_sql(
        f"WITH moved AS (DELETE FROM {DEFAULT}"  # noqa: S608  (names and ids of ours)
        f" WHERE id >= '{first}' AND id < '{following}' RETURNING *)"
        f" INSERT INTO {to} SELECT * FROM moved"
    )


def _alone(connection: Connection) -> bool:
    """Whether there are months, and no other instance is at them; until this transaction ends."""
    if not are_kept(connection):
        return False
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    asking = text("SELECT pg_try_advisory_xact_lock(:key)")
    return bool(connection.execute(asking, {"key": ONE_AT_A_TIME}).scalar_one())


def _found(connection: Connection) -> dict[str, bool]:
    """What is named like a partition, and whether it is one at present."""
    return {str(name): bool(attached) for name, attached in connection.execute(_tables)}


def _ends_of_before(there: dict[str, bool]) -> list[datetime]:
    return [
        datetime(int(match[2]), int(match[3]), 1, tzinfo=UTC)
        for name, attached in there.items()
        if attached and (match := _NAME.fullmatch(name)) and match[1]
    ]


def _over(there: dict[str, bool], *, attached: bool, before: datetime) -> list[str]:
    """Those whose last moment was before that one, oldest first."""
    ends = {}
    for name, is_attached in there.items():
        match = _NAME.fullmatch(name)
        if match and is_attached == attached:
            month = datetime(int(match[2]), int(match[3]), 1, tzinfo=UTC)
            ends[name] = month if match[1] else _month(month, 1)
    return sorted((name for name, end in ends.items() if end <= before), key=ends.__getitem__)


def _month(moment: datetime, later: int) -> datetime:
    """The beginning of the month that is so much later."""
    years, month = divmod(moment.month - 1 + later, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
