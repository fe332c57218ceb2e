"""The table of sessions, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Uuid, text

from vestibule.storage.metadata import UtcDateTime, metadata


class SessionKind(StrEnum):
    """What holds it."""

    TOKEN = "token"  # noqa: S105  (a kind's name)
    """A client, by its refresh token or, without one, its access tokens alone."""
    BROWSER = "browser"
    """A browser, by its cookie, on our own pages."""


_ENDED = text("ended_at IS NOT NULL")

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("client_id", String(100), nullable=False),
    Column("org_id", Uuid),
    Column("scope", String(2000), nullable=False),
    Column("digest", LargeBinary(32)),
    Column("previous_digest", LargeBinary(32)),
    Column("salt", LargeBinary(16)),
    Column("generation", Integer, nullable=False),
    Column("rotated_at", UtcDateTime),
    Column("auth_time", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(400), nullable=False),
    Column("dpop_jkt", String(64)),
    Column("org_confined", Boolean, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("end_cause", String(32)),
    Column("directory", String(63)),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    # Of the ended ones only: beginning a session needn't touch it.
    Index(None, "ended_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A row of `sessions`. Its id is the `sid` of the tokens that came from it."""

    id: UUID
    kind: SessionKind
    user_id: UUID
    client_id: str
    org_id: UUID | None
    """The organization that its tokens are for now."""
    scope: str
    digest: bytes | None = field(repr=False)
    """SHA-256 of the refresh token that can be spent, or of the cookie; it has 256 random bits,
    so a slow hash would add nothing."""
    previous_digest: bytes | None = field(repr=False)
    """That of the refresh token spent last: its answer may have been lost."""
    salt: bytes | None = field(repr=False)
    """Random part of what the present refresh token was made of."""
    generation: int
    """How often it has been rotated."""
    rotated_at: datetime | None
    auth_time: datetime
    """When the person proved who they are."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends at the latest, however much it is used."""
    address: str
    """Where it was seen last."""
    user_agent: str
    dpop_jkt: str | None
    """Thumbprint of the key that its tokens are bound to (RFC 9449 §6)."""
    org_confined: bool
    """Whether the person has let its client into that one organization alone."""
    ended_at: datetime | None
    end_cause: str | None
    directory: str | None = None
    """Key of the upstream directory that the person signed in through; None for our own."""
