"""What is sent to the database meanwhile, and its values in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

Statement = tuple[str, tuple[Any, ...]]


@contextmanager
def statements(dialect: str | None = None) -> Iterator[list[Statement]]:
    """Each statement that is sent, of all engines or those of one dialect, with its values.

    Of many rows that go together the first one's.
    """
    seen: list[Statement] = []

    def note(
        connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if dialect in (None, connection.dialect.name):
            seen.append((statement, tuple(parameters[0] if many else parameters)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def packed(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, bytes | memoryview):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    return value


def unpacked(value: Any) -> Any:
    """The value again."""
    match value:
        case {"bytes": text}:
            return bytes.fromhex(text)
        case {"uuid": text}:
            return UUID(text)
        case {"moment": text}:
            return datetime.fromisoformat(text)
    return value
