"""The table of clients, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, String, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from vestibule.storage.metadata import UtcDateTime, metadata


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


class _StringSet(TypeDecorator[frozenset[str]]):
    """A set of strings in a JSON array."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> Any:
        return None if value is None else sorted(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> frozenset[str] | None:
        return None if value is None else frozenset(value)


clients = Table(
    "clients",
    metadata,
    Column("client_id", String(100), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("secret_hash", LargeBinary(32)),
    Column("grants", _StringSet, nullable=False),
    Column("scopes", _StringSet, nullable=False),
    Column("minimum_version", String(64)),
    Column("organizations", _StringSet(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Client:
    """A row of `clients`."""

    client_id: str
    name: str
    kind: ClientKind
    secret_hash: bytes | None
    """SHA-256 of the secret: it has 256 random bits, so a slow hash would add nothing."""
    grants: frozenset[str]
    scopes: frozenset[str]
    minimum_version: str | None
    organizations: frozenset[str] | None
    """Keys of the organizations that it may enter; None for all."""
    created_at: datetime
    updated_at: datetime
