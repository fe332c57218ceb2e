"""The table of audit events, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, SmallInteger, String, Table, Uuid

from vestibule.storage.metadata import UtcDateTime, metadata


class Result(StrEnum):
    """How it ended: let in, told no, or sent away before the password was looked at."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"


audit_events = Table(
    "audit_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("event", String(32), nullable=False),
    Column("result", String(16), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("user_id", Uuid),
    Column("identifier_digest", String(16)),
    Column("client_id", String(100)),
    Column("org_id", Uuid),
    Column("address", String(45), nullable=False),
    Column("network", String(45), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("target", String(100)),
    Index(None, "user_id", "network", "result"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for in the trail: all that is given must fit."""

    event: str | None = None
    result: Result | None = None
    cause: str | None = None
    user_id: UUID | None = None
    identifier_digest: str | None = None
    client_id: str | None = None
    org_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether more is said than from when to when."""
        return any(
            getattr(self, field.name) is not None
            for field in fields(self)
            if field.name not in ("since", "until")
        )


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A row of `audit_events`."""

    id: UUID
    occurred_at: datetime
    event: str
    result: Result
    cause: str
    """A short name of why; `signed_in` for a success."""
    status: int
    """The HTTP status that was answered."""
    user_id: UUID | None
    identifier_digest: str | None
    """Keyed digest of the name that was typed: tells tries apart without keeping a password
    that somebody typed into the wrong field."""
    client_id: str | None
    org_id: UUID | None
    address: str
    network: str
    """The address as limits see it: where this account has signed in before."""
    request_id: str
    target: str | None = None
    """What an administrator did it to: the id or key of an account, a client, a directory."""
