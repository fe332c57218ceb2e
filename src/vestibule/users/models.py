"""The table of users, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, ForeignKey, String, Table, Uuid, false

from vestibule.storage.metadata import UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", String(320), nullable=False, unique=True),
    Column("email_address", String(320), unique=True),
    Column("first_name", String(200), nullable=False),
    Column("last_name", String(200), nullable=False),
    Column("password_hash", String(1024)),
    Column("is_active", Boolean, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    Column("default_org_id", ForeignKey("organizations.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("is_admin", Boolean, nullable=False, server_default=false()),
)


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users`. Both names are unique; a username with an @ is the own address."""

    id: UUID
    username: str
    email_address: str | None
    first_name: str
    last_name: str
    password_hash: str | None = field(repr=False)
    """None for an account that no local password opens."""
    is_active: bool
    email_verified: bool
    default_org_id: UUID | None
    created_at: datetime
    updated_at: datetime
    is_admin: bool = False
    """Whether it may administer the whole service: other people and all organizations."""

    @property
    def full_name(self) -> str:
        """Both names, as far as they are known."""
        return f"{self.first_name} {self.last_name}".strip()
