"""The tables of authorization codes and consents, and their rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, String, Table, Uuid

from vestibule.storage.metadata import StringSet, UtcDateTime, metadata

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("client_id", String(100), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("org_id", Uuid),
    Column("redirect_uri", String(2000), nullable=False),
    Column("scope", String(2000), nullable=False),
    Column("nonce", String(400)),
    Column("code_challenge", String(43), nullable=False),
    Column("dpop_jkt", String(64)),
    Column("auth_time", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("redeemed_at", UtcDateTime),
    Column("session_id", Uuid),
    Column("directory", String(63)),
    Index(None, "expires_at"),
)

consents = Table(
    "consents",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("client_id", String(100), primary_key=True),
    # That of nobody where the client was let into no organization.
    Column("org_id", Uuid, primary_key=True),
    Column("scopes", StringSet, nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person has let a client do, in one organization or in none."""

    client_id: str
    org_id: UUID | None
    scopes: list[str]
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A row of `authorization_codes`."""

    digest: bytes = field(repr=False)
    """SHA-256 of the code: it has 256 random bits, so a slow hash would add nothing."""
    client_id: str
    user_id: UUID
    org_id: UUID | None
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    """SHA-256 of the verifier, base64url (RFC 7636 §4.2)."""
    dpop_jkt: str | None
    auth_time: datetime
    expires_at: datetime
    redeemed_at: datetime | None
    session_id: UUID | None
    """The session that it was exchanged for: it ends if the code comes again."""
    directory: str | None = None
    """Key of the upstream directory that the person signed in through."""
