"""Many rows at once: on PostgreSQL by `COPY`, which parses and plans nothing for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_embedded
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util import await_only

Rows = Sequence[Mapping[str, Any]]
"""Columns by name, the same in each row. None of them is JSON: a driver knows it as text only."""


def add_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert them all within the present transaction; `IntegrityError` where a key is taken."""
    if not rows:
        return
    if not _copies(connection):
        connection.execute(insert(table), [dict(row) for row in rows])
        return
    # A statement of our own first, so that the transaction has begun where COPY runs in it.
    connection.exec_driver_sql("SELECT 1")
    _copy(connection, table.name, list(rows[0]), [list(row.values()) for row in rows])


def add_absent(connection: Connection, table: Table, rows: Rows) -> set[UUID]:
    """Insert each row that no unique key forbids, and return the ids of those.

    The first of several that forbid one another goes in. Nobody is waited for but a transaction
    that is writing the same key at this moment, so it wants `READ COMMITTED`; what has kept a row
    out can be read afterwards.
    """
    if not rows:
        return set()
    if not _copies(connection):
        of_dialect = insert_embedded if connection.dialect.name == "sqlite" else insert_postgresql
        statement = of_dialect(table).on_conflict_do_nothing().returning(table.c.id)
        return set(connection.execute(statement, [dict(row) for row in rows]).scalars())
    columns = list(rows[0])
    names, staged = ", ".join(columns), f"staged_{table.name}"
    # It ends with the transaction, so that a pooler may give the connection to somebody else.
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS "  # noqa: S608  (names of ours)
        f"SELECT {names}, 0 AS place FROM {table.name} WITH NO DATA"
    )
    records = [[*row.values(), place] for place, row in enumerate(rows)]
    _copy(connection, staged, [*columns, "place"], records)
    inserted = connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staged} ORDER BY place "  # noqa: S608  (the same)
        "ON CONFLICT DO NOTHING RETURNING id"
    )
    return set(inserted.scalars())


def _copies(connection: Connection) -> bool:
    """Whether it is PostgreSQL: others of its protocol lack temporary tables, or how they end."""
    return getattr(connection.dialect, "is_postgresql", False)


def _copy(
    connection: Connection, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]
) -> None:
    import asyncpg  # not loaded where the database is the embedded one

    driver: Any = connection.connection.driver_connection
    try:
        await_only(driver.copy_records_to_table(table, columns=columns, records=records))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # What the statements around it raise, so that the unit runs again where it may.
        taken = isinstance(error, asyncpg.IntegrityConstraintViolationError)
        kind = IntegrityError if taken else DBAPIError
        raise kind(
            f"COPY {table}",
            None,
            error,
            hide_parameters=True,
            connection_invalidated=driver.is_closed(),
        ) from error
    except BaseException:
        # Cut off in the midst of it: the connection is of no more use.
        connection.invalidate()
        raise
