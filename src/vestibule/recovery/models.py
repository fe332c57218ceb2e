"""The table of links that were mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, String, Table, Uuid

from vestibule.storage.metadata import UtcDateTime, metadata


class Purpose(StrEnum):
    """What a link is for."""

    RESET = "reset"
    """A new password."""
    VERIFICATION = "verification"
    """The proof of an address."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was mailed."""

    digest: bytes
    """SHA-256 of its secret."""
    purpose: Purpose
    user_id: UUID
    email_address: str
    """Where it was mailed to."""
    password_digest: bytes | None
    """SHA-256 of the stored hash of the password at that time: a link ends when that changes."""
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


mail_links = Table(
    "mail_links",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("email_address", String(320), nullable=False),
    Column("password_digest", LargeBinary(32)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Index(None, "expires_at"),
)
