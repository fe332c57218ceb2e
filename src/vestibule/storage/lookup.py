"""What is looked up by a key: for one asker, or in one statement for several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Row, Select, String, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

K = TypeVar("K")
V = TypeVar("V")


class Lookup(Generic[K, V]):
    """A question that is asked by one column's value."""

    def __init__(
        self,
        statement: Select[Any],
        *,
        by: Column[K],
        answer: Callable[[Sequence[Row[Any]]], V],
    ) -> None:
        """`answer` makes what is returned of the rows of one key, which may be none."""
        self._by_key = statement.where(by == bindparam("key", type_=by.type))
        # Cast to a text of the column's length, a longer key would be cut to another one.
        kind = String() if isinstance(by.type, String) else by.type
        self._by_keys = statement.add_columns(by).where(
            by == any_(bindparam("keys", type_=ARRAY(kind)))
        )
        self._answer = answer

    def one(self, connection: Connection, key: K) -> V:
        """What this key's rows say."""
        return self._answer(connection.execute(self._by_key, {"key": key}).all())

    def several(self, connection: Connection, keys: Sequence[K]) -> list[V]:
        """The same of each of these keys, on PostgreSQL, which has arrays."""
        found: dict[K, list[Any]] = {key: [] for key in keys}
        for *row, key in connection.execute(self._by_keys, {"keys": list(found)}):
            found[key].append(row)
        return [self._answer(found[key]) for key in keys]
