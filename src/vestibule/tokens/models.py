"""The tables of signing keys and of tokens that must not be taken again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, String, Table, Text

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

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
"""Access tokens that were ended before their time, until they would have ended anyway."""

replays = Table(
    "replays",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
"""What may be used once only (client assertions, DPoP proofs), until it has expired."""


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
