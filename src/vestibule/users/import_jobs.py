"""The table of imports that were begun in a browser, and which of its rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    String,
    Table,
    Uuid,
    insert,
    select,
    update,
)

from vestibule.storage.metadata import UtcDateTime, metadata

user_imports = Table(
    "user_imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("file_name", String(200), nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("started_by", Uuid, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("position", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("refusals", JSON, nullable=False),
    Column("failure", String(200)),
    Index(None, "seen_at"),
)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """A row of `user_imports`: how far the import of a file is, or how it ended."""

    id: UUID
    file_name: str
    file_size: int
    """Bytes."""
    started_by: UUID
    started_at: datetime
    seen_at: datetime
    """When the instance that runs it has last said so."""
    ended_at: datetime | None
    position: int
    """Bytes of the file that were read so far."""
    created: int
    unchanged: int
    refused: int
    refusals: list[dict[str, Any]]
    """The first lines that were refused, and why; never what stood in them."""
    failure: str | None
    """Why it ended before the file did."""

    @property
    def percent(self) -> int:
        """How much of the file was read."""
        return min(100, 100 * self.position // self.file_size) if self.file_size else 100


def add(connection: Connection, job: ImportJob) -> None:
    """Insert."""
    connection.execute(insert(user_imports), asdict(job))


def replace(connection: Connection, job: ImportJob) -> None:
    """Put all of it in the place of what was said before."""
    statement = update(user_imports).where(user_imports.c.id == job.id)
    connection.execute(statement.values(**asdict(job)))


def by_id(connection: Connection, job_id: UUID) -> ImportJob | None:
    """The import of this id."""
    row = connection.execute(select(user_imports).where(user_imports.c.id == job_id)).one_or_none()
    return ImportJob(*row) if row else None


def latest(connection: Connection, *, limit: int) -> list[ImportJob]:
    """Those that began last, newest first."""
    statement = select(user_imports).order_by(user_imports.c.id.desc()).limit(limit)
    return [ImportJob(*row) for row in connection.execute(statement)]
