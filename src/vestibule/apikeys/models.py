"""The table of API keys, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, Index, LargeBinary, String, Table, Uuid

from vestibule.storage.metadata import StringSet, UtcDateTime, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("org_id", Uuid),
    Column("workspace_id", Uuid),
    Column("name", String(200), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("hint", String(8), nullable=False),
    Column("allowed_scopes", StringSet(none_as_null=True)),
    Column("allow_self_revoke", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Index(None, "user_id"),
    Index(None, "revoked_at"),
    Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A row of `api_keys`."""

    id: UUID
    user_id: UUID
    org_id: UUID | None
    """The only organization that it opens; None for all that its owner may enter."""
    workspace_id: UUID | None
    """The only workspace that it opens; None for all of the organization's."""
    name: str
    digest: bytes = field(repr=False)
    """SHA-256 of the whole key: it has 256 random bits, so a slow hash would add nothing."""
    hint: str
    """Its last characters, by which its owner knows it again."""
    allowed_scopes: frozenset[str] | None
    """What it may be used for; None for all that its owner may do."""
    allow_self_revoke: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
