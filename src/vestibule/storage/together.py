"""Rows of several tables that are written together, if something still holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Select, Table, bindparam, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert

LOCKED = "55P03"
"""SQLSTATE of a row that somebody else holds, where nobody was to wait for it."""

Row = tuple[Table, Mapping[str, Any]]
Values = Mapping[str, Any]


class Locked(Exception):
    """Somebody else holds a row that one of several depends on."""


class Together:
    """A row for each of some tables where `provided` finds one.

    PostgreSQL does it in one statement, which is a unit of its own and locks what is found against
    changes: each table may come once. The last one has a column `id`, a new one in each row.
    """

    def __init__(self, tables: tuple[Table, ...], provided: Select[Any]) -> None:
        self._provided = provided
        self._inserts = tuple(
            (insert(table), {column.name: _name(table, column.name) for column in table.columns})
            for table in tables
        )
        self._statement = _statement(tables, provided.with_for_update(read=True))
        # One who waits for a lock would hold up all who go along.
        self._impatient = _statement(tables, provided.with_for_update(read=True, nowait=True))
        self._id = _name(tables[-1], "id")
        self._sent: _Sent | None = None

    @staticmethod
    def values(rows: Sequence[Row], provided: Values) -> Values:
        """All that goes along: these rows, and what `provided` asks with."""
        named = {_name(table, column): v for table, row in rows for column, v in row.items()}
        return {**provided, **named}

    def one(self, connection: Connection, values: Values) -> bool:
        """Write one of each; returns whether something was found."""
        if connection.dialect.name == "postgresql":
            return connection.execute(self._statement, values).first() is not None
        if connection.execute(self._provided, values).first() is None:
            return False
        for statement, names in self._inserts:
            connection.execute(statement, {column: values[names[column]] for column in names})
        return True

    def several(self, connection: Connection, many: Sequence[Values]) -> list[bool]:
        """The same for each of these, on PostgreSQL: all of them in one transaction.

        The statement is sent once and run for each: behind a shard key, each has its own. Raises
        `Locked` where one of them would have to wait.
        """
        if self._sent is None:
            self._sent = _Sent.of(self._impatient, connection.dialect)
        # What SQLAlchemy runs for many says nothing back: the connection keeps it.
        rows = [self._sent.row(values) for values in many]
        try:
            connection.exec_driver_sql(self._sent.text, rows)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == LOCKED:
                raise Locked from error
            raise
        returned = connection.connection.driver_connection.returned  # type: ignore[union-attr]
        written = {row[0] for row in returned}
        return [values[self._id] in written for values in many]


@lru_cache
def together(tables: tuple[Table, ...], provided: Select[Any]) -> Together:
    """The one for these."""
    return Together(tables, provided)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A statement as the driver takes it."""

    text: str
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    """Their names in the order of their places, and what makes the driver's values of ours."""

    @classmethod
    def of(cls, statement: Insert, dialect: Dialect) -> _Sent:
        compiled = statement.compile(dialect=dialect)
        names = compiled.positiontup or []
        types = {name: compiled.binds[name].type.dialect_impl(dialect) for name in names}
        return cls(str(compiled), tuple((n, types[n].bind_processor(dialect)) for n in names))

    def row(self, values: Values) -> tuple[Any, ...]:
        return tuple(
            values[name] if made is None else made(values[name]) for name, made in self.parameters
        )


def _statement(tables: tuple[Table, ...], provided: Select[Any]) -> Insert:
    """`WITH provided AS (…), … AS (INSERT …) INSERT … SELECT … FROM provided RETURNING id`."""
    found = provided.cte("provided")
    *first, last = (
        insert(table)
        .from_select(
            [column.name for column in table.columns],
            select(
                *(bindparam(_name(table, c.name), type_=c.type) for c in table.columns)
            ).select_from(found),
        )
        .returning(table.c.id)
        for table in tables
    )
    for number, statement in enumerate(first):
        last = last.add_cte(statement.cte(f"inserted{number}"))
    return last


def _name(table: Table, column: str) -> str:
    return f"{table.name}_{column}"
