"""The table of clients, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Column, LargeBinary, String, Table, false, true

from vestibule.storage.metadata import StringSet, UtcDateTime, metadata


class Grant(StrEnum):
    """The grants that a client can be allowed (RFC 6749 §1.3, RFC 8628, RFC 8693)."""

    PASSWORD = "password"  # noqa: S105  (a grant's name)
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105


class ClientKind(StrEnum):
    """Whether a client can keep a secret (RFC 6749 §2.1)."""

    PUBLIC = "public"
    CONFIDENTIAL = "confidential"


clients = Table(
    "clients",
    metadata,
    Column("client_id", String(100), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("secret_hash", LargeBinary(32)),
    Column("grants", StringSet, nullable=False),
    Column("scopes", StringSet, nullable=False),
    Column("minimum_version", String(64)),
    Column("organizations", StringSet(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("redirect_uris", StringSet, nullable=False, server_default="[]"),
    Column("jwks", JSON(none_as_null=True)),
    Column("first_party", Boolean, nullable=False, server_default=false()),
    Column("dpop_bound", Boolean, nullable=False, server_default=false()),
    Column("is_active", Boolean, nullable=False, server_default=true()),
)


@dataclass(frozen=True, slots=True)
class Client:
    """A row of `clients`."""

    client_id: str
    name: str
    kind: ClientKind
    secret_hash: bytes | None = field(repr=False)
    """SHA-256 of the secret: it has 256 random bits, so a slow hash would add nothing."""
    grants: frozenset[str]
    scopes: frozenset[str]
    minimum_version: str | None
    organizations: frozenset[str] | None
    """Keys of the organizations that it may enter; None for all."""
    created_at: datetime
    updated_at: datetime
    redirect_uris: frozenset[str] = frozenset()
    """Where the answer of an authorization may be sent: compared to the letter (RFC 9700 §2.1)."""
    jwks: dict[str, Any] | None = None
    """Public keys of a client that proves itself by `private_key_jwt` (RFC 7523 §2.2)."""
    first_party: bool = False
    """Whether it is the platform's own: its users are not asked for their consent."""
    dpop_bound: bool = False
    """Whether it must prove its key with every request (RFC 9449 §5.2)."""
    is_active: bool = True
    """Whether it may do anything: one that is switched off is answered as one that isn't there."""
