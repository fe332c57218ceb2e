"""Rows of several tables that are written together, if something still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, insert, literal, select
from sqlalchemy.sql.dml import Insert

Row = tuple[Table, Mapping[str, Any]]


def insert_together(
    connection: Connection,
    rows: Sequence[Row],
    *,
    provided: Select[Any],
    values: Mapping[str, Any],
) -> bool:
    """Insert a row in each of these tables where `provided`, with these `values`, finds one.

    Returns whether it did. PostgreSQL does it in one statement, which is a unit of its own: each
    table may come once, and `provided` locks what it finds.
    """
    if connection.dialect.name != "postgresql":
        if connection.execute(provided, values).first() is None:
            return False
        for table, row in rows:
            connection.execute(_insert(table), dict(row))
        return True
    statement = _statement(tuple(table for table, _ in rows), provided)
    for table, row in rows:
        values = {**values, **{_name(table, column): value for column, value in row.items()}}
    return connection.execute(statement, values).first() is not None


@lru_cache
def _insert(table: Table) -> Insert:
    return insert(table)


@lru_cache
def _statement(tables: tuple[Table, ...], provided: Select[Any]) -> Insert:
    """`WITH provided AS (…), … AS (INSERT …) INSERT … SELECT … FROM provided RETURNING …`."""
    found = provided.cte("provided")
    *first, last = (
        insert(table)
        .from_select(
            [column.name for column in table.columns],
            select(
                *(bindparam(_name(table, c.name), type_=c.type) for c in table.columns)
            ).select_from(found),
        )
        .returning(literal(1))
        for table in tables
    )
    for number, statement in enumerate(first):
        last = last.add_cte(statement.cte(f"inserted{number}"))
    return last


def _name(table: Table, column: str) -> str:
    return f"{table.name}_{column}"
