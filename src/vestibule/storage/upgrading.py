"""How a migration runs: one process at a time, and no login waits behind it.

SQLite has one writer: all missing migrations are one transaction under its write lock. On
PostgreSQL each is a transaction of its own, so that no lock is held for longer than one takes,
and one connection besides holds what keeps other processes away.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import DBAPIError

ONE_AT_A_TIME = 0x76737462
"""Our key among PostgreSQL's advisory locks."""
LONGEST = 600.0
"""Seconds to wait until another process has migrated."""
LOCK_TIMEOUT = "2s"
"""How long a statement waits for a lock on a table: whoever signs in waits behind it."""
TRIES = 30
"""How often a migration begins again where it did not get its lock."""
PAUSE = 0.5
"""Seconds before the next look or try: those who waited behind us go first."""
NO_LOCK = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that was not to be had in time, and of a deadlock."""


def version(connection: Connection) -> str | None:
    """The version that this database has; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def wait_until_alone(guard: Connection) -> None:
    """Keep other processes from migrating for as long as the guard's transaction goes on.

    On SQLite its first word, BEGIN IMMEDIATE, has done so. Raises `TimeoutError` where another
    process migrates for too long.
    """
    if guard.dialect.name != "postgresql":
        return
    give_up_at = monotonic() + LONGEST
    while not _is_alone(guard):
        if monotonic() > give_up_at:
            raise TimeoutError("another process has been migrating for too long")
        guard.rollback()
        sleep(PAUSE)


def _is_alone(guard: Connection) -> bool:
    """Whether the lock was to be had; then it is held for as long as this transaction goes on.

    Asked again and again, in a transaction each time: an index made CONCURRENTLY waits for the
    end of each that had a snapshot at the wrong moment, and whoever asks has one. A transaction
    that is serializable keeps it.
    """
    # No lock of the session, because a pooler keeps none together.
    guard.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
    guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    asking = text("SELECT pg_try_advisory_xact_lock(:key)")
    return bool(guard.execute(asking, {"key": ONE_AT_A_TIME}).scalar_one())


def _let_snapshot_go(guard: Connection) -> None:
    """A statement that was answered keeps its snapshot until the next one takes its portal."""
    guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def give_way(guard: Connection, work: Callable[[Connection], None]) -> None:
    """Run the work where the guard is, or on PostgreSQL on a connection besides.

    There no statement waits long for its lock: the transaction that did ends, and the work begins
    again behind those who waited. Raises what the driver raises once it was tried often enough.
    """
    if guard.dialect.name != "postgresql":
        work(guard)
        return
    _let_snapshot_go(guard)
    for tries_left in reversed(range(TRIES)):
        try:
            with guard.engine.connect() as working:
                event.listen(working, "begin", _wait_shortly)
                work(working)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in NO_LOCK or not tries_left:
                raise
        sleep(PAUSE)


def _wait_shortly(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


def drop_broken_index(connection: Connection, name: str) -> None:
    """Drop an index whose making CONCURRENTLY was interrupted: it would be taken for the index."""
    broken = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
    if connection.execute(broken, {"name": name}).first() is not None:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
