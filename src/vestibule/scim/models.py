"""The tables of provisioning: bearer tokens, and what a provider knows of users and groups.

Each row belongs to one organization.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, Column, Index, Integer, LargeBinary, String, Table, Uuid

from vestibule.orgs.models import Role
from vestibule.storage.metadata import UtcDateTime, metadata


@dataclass(frozen=True, slots=True)
class ScimToken:
    """What an identity provider signs in with."""

    id: UUID
    org_id: UUID
    name: str
    digest: bytes
    """SHA-256 of the token."""
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProvisionedUser:
    """A user as a provider knows them."""

    org_id: UUID
    user_id: UUID
    user_name: str
    """`userName` as it is compared."""
    external_id: str | None
    attributes: dict[str, Any]
    """The resource as it was sent."""
    made_account: bool
    """Whether the account was made for it: nobody else's is ever changed."""
    disabled_account: bool
    """Whether the account is disabled because the provider said so."""
    granted_role: str | None
    """The role that was given last: another one was somebody's decision here."""
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProvisionedGroup:
    """A group as a provider knows it."""

    org_id: UUID
    id: UUID
    display_name: str
    external_id: str | None
    role: Role | None
    """What its members are in the organization; None where it gives nothing."""
    version: int
    created_at: datetime
    updated_at: datetime


scim_tokens = Table(
    "scim_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("name", String(200), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("created_by", Uuid, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Index(None, "org_id"),
    Index(None, "expires_at"),
    Index(None, "revoked_at"),
)

scim_users = Table(
    "scim_users",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("user_name", String(320), nullable=False),
    Column("external_id", String(255)),
    Column("attributes", JSON, nullable=False),
    Column("made_account", Boolean, nullable=False),
    Column("disabled_account", Boolean, nullable=False),
    Column("granted_role", String(16)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_scim_users_org_id_user_name", "org_id", "user_name", unique=True),
    Index("ix_scim_users_org_id_external_id", "org_id", "external_id"),
    Index(None, "user_id"),
)

scim_groups = Table(
    "scim_groups",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("display_name", String(255), nullable=False),
    Column("external_id", String(255)),
    Column("role", String(16)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_scim_groups_org_id_display_name", "org_id", "display_name", unique=True),
)

scim_group_members = Table(
    "scim_group_members",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    Column("group_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Index("ix_scim_group_members_org_id_user_id", "org_id", "user_id"),
)
