"""What is sent to the database meanwhile, and its values in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

import vestibule

Statement = tuple[str, tuple[Any, ...]]

SERVICE = str(Path(vestibule.__file__).parent)
MIGRATIONS = str(Path(SERVICE) / "storage" / "migrations")
TESTS = str(Path(__file__).parent)


@contextmanager
def statements(
    dialect: str | None = None, *, of_service: bool = False
) -> Iterator[list[Statement]]:
    """Each statement that is sent, of all engines or those of one dialect, with its values.

    Of many rows that go together the first one's. With `of_service` neither what a test sends
    itself nor what a migration does.
    """
    seen: list[Statement] = []

    def note(
        connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if dialect in (None, connection.dialect.name) and (not of_service or _is_of_service()):
            # Rows that stand in one statement are many as well, and their values in one tuple.
            several = many and isinstance(parameters, list)
            seen.append((statement, tuple(parameters[0] if several else parameters)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _is_of_service() -> bool:
    """Whether it is the service that sends what is sent now."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(SERVICE) or (path.startswith(TESTS) and path != __file__):
            return path.startswith(SERVICE) and not path.startswith(MIGRATIONS)
        frame = frame.f_back
    return False


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
