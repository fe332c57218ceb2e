"""The tables of upstream directories, and of who is known to which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, LargeBinary, String, Table, Uuid

from vestibule.storage.metadata import UtcDateTime, metadata

directories = Table(
    "directories",
    metadata,
    Column("key", String(63), primary_key=True),
    Column("configuration", JSON, nullable=False),
    # What is secret of it (passwords, client secrets), encrypted.
    Column("sealed", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("directory", String(63), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("granted", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("cached_hash", String(1024)),
    Column("cached_at", UtcDateTime),
    Index("ix_identities_user_id", "user_id", "directory", unique=True),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A row of `identities`: an account here is this person there."""

    directory: str
    subject: str
    """What the directory knows the person by for good, whatever they are called meanwhile."""
    user_id: UUID
    granted: dict[str, Any]
    """The roles that its groups gave, by the id of the organization: what was given by somebody
    here is not taken away by the directory."""
    created_at: datetime
    seen_at: datetime
    """When the directory has last said that it knows the person."""
    disabled_at: datetime | None
    """When the account was disabled because the directory no longer had the person."""
    cached_hash: str | None = field(repr=False)
    cached_at: datetime | None
