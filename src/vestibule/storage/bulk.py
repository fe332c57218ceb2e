"""Many rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.util import await_only


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert them all within the present transaction; `IntegrityError` where a key is taken.

    On PostgreSQL by `COPY`, which reads and plans nothing for each row. Their values are of types
    that both know: no JSON.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [dict(row) for row in rows])
        return
    columns = list(rows[0])
    # A statement of our own first, so that the transaction has begun where COPY runs in it.
    connection.exec_driver_sql("SELECT 1")
    driver: Any = connection.connection.driver_connection
    records = [[row[column] for column in columns] for row in rows]
    try:
        await_only(driver.copy_records_to_table(table.name, columns=columns, records=records))
    except asyncpg.PostgresError as error:
        taken = isinstance(error, asyncpg.IntegrityConstraintViolationError)
        kind = IntegrityError if taken else OperationalError
        raise kind(f"COPY {table.name}", None, error, hide_parameters=True) from error
