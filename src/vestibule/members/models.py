"""The table of invitations, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Uuid

from vestibule.orgs.models import Role
from vestibule.storage.metadata import UtcDateTime, metadata

invitations = Table(
    "invitations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", ForeignKey("organizations.id"), nullable=False),
    Column("email_address", String(320), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("invited_by", Uuid, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("accepted_at", UtcDateTime),
    Column("accepted_by", Uuid),
    Column("revoked_at", UtcDateTime),
    Index(None, "org_id"),
    Index(None, "expires_at"),
    Index(None, "accepted_at"),
    Index(None, "revoked_at"),
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A row of `invitations`."""

    id: UUID
    org_id: UUID
    email_address: str
    role: Role
    digest: bytes = field(repr=False)
    """SHA-256 of the secret in the link: it has 256 random bits, so a slow hash would add
    nothing."""
    invited_by: UUID
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    accepted_by: UUID | None
    revoked_at: datetime | None
