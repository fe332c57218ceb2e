"""The table of device logins, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, String, Table, Uuid

from vestibule.storage.metadata import UtcDateTime, metadata


class DeviceStatus(StrEnum):
    """How far it has come."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    REFUSED = "refused"
    REDEEMED = "redeemed"
    """Its tokens were handed out, which happens once."""


device_logins = Table(
    "device_logins",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_code", String(16), nullable=False, unique=True),
    Column("client_id", String(100), nullable=False),
    Column("scope", String(2000), nullable=False),
    Column("status", String(16), nullable=False),
    Column("user_id", Uuid),
    Column("org_id", Uuid),
    Column("auth_time", UtcDateTime),
    Column("address", String(45), nullable=False),
    Column("user_agent", String(400), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("interval", SmallInteger, nullable=False),
    Column("last_polled_at", UtcDateTime),
    Column("directory", String(63)),
    Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A row of `device_logins`."""

    digest: bytes = field(repr=False)
    """SHA-256 of the device code: it has 256 random bits, so a slow hash would add nothing."""
    user_code: str
    """As it is compared: without the hyphen that it is shown with."""
    client_id: str
    scope: str
    status: DeviceStatus
    user_id: UUID | None
    """Who has approved it."""
    org_id: UUID | None
    auth_time: datetime | None
    address: str
    """Where it was started."""
    user_agent: str
    created_at: datetime
    expires_at: datetime
    interval: int
    """Seconds that the device must let pass between two questions."""
    last_polled_at: datetime | None
    directory: str | None = None
    """Key of the upstream directory that the person signed in through."""
