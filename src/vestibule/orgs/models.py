"""The tables of organizations and memberships, and their rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from vestibule.storage.metadata import UtcDateTime, metadata


class Role(StrEnum):
    """What a member may do in an organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


organizations = Table(
    "organizations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", String(63), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("description", String(2000), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("password_sign_in", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("directory", String(63)),
)

memberships = Table(
    "memberships",
    metadata,
    # No foreign key on users: they are the concept above this one, and sharded apart from it.
    Column("user_id", Uuid, primary_key=True),
    Column("org_id", ForeignKey("organizations.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
    Index(None, "org_id"),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", ForeignKey("organizations.id"), nullable=False),
    Column("key", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("org_id", "key"),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Uuid, primary_key=True),
    # Repeated from the workspace, so that every row names the organization it is sharded by.
    Column("org_id", ForeignKey("organizations.id"), nullable=False),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("key", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "key"),
    Index(None, "org_id"),
)


@dataclass(frozen=True, slots=True)
class Organization:
    """A row of `organizations`."""

    id: UUID
    key: str
    name: str
    description: str
    is_active: bool
    password_sign_in: bool
    """Whether a local password is enough to enter it; otherwise another way is demanded."""
    created_at: datetime
    updated_at: datetime
    directory: str | None = None
    """Key of the upstream directory that its members must sign in through."""


@dataclass(frozen=True, slots=True)
class Membership:
    """An organization as one user belongs to it."""

    organization: Organization
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """A row of `workspaces`: a part of an organization."""

    id: UUID
    org_id: UUID
    key: str
    name: str
    is_default: bool
    """Made with its organization; there is always one."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A row of `projects`: a part of a workspace."""

    id: UUID
    org_id: UUID
    workspace_id: UUID
    key: str
    name: str
    is_default: bool
    """Made with its workspace."""
    created_at: datetime
    updated_at: datetime
