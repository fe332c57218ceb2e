"""The tables of signing keys and refresh tokens, and their rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, LargeBinary, String, Table, Text, Uuid

from vestibule.storage.metadata import UtcDateTime, metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("public_jwk", JSON, nullable=False),
    Column("private_encrypted", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("activates_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("family_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("client_id", String(100), nullable=False),
    Column("org_id", Uuid),
    Column("scope", String(2000), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A row of `signing_keys`."""

    kid: str
    algorithm: str
    public_jwk: dict[str, Any]
    private_encrypted: str
    created_at: datetime
    activates_at: datetime
    """From then on it signs, until a newer one does."""
    expires_at: datetime | None
    """From then on it is no longer published: all that it signed has expired."""

    def expired(self, now: datetime) -> bool:
        """Whether what it signed is worth nothing any more."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A row of `refresh_tokens`."""

    id: UUID
    digest: bytes
    """SHA-256 of the token: it has 256 random bits, so a slow hash would add nothing."""
    family_id: UUID
    """Shared by all tokens that came from one sign-in."""
    user_id: UUID
    client_id: str
    org_id: UUID | None
    scope: str
    issued_at: datetime
    expires_at: datetime
