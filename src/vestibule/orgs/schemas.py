"""Organizations as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vestibule.orgs.models import Membership, Role


class OrgInfo(BaseModel):
    """Organization info for auth responses."""

    key: str = Field(description="The organization's URL slug")
    name: str = Field(description="The organization's display name")


class UserOrganization(BaseModel):
    """An organization that the caller belongs to."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str = Field(description="The organization's URL slug")
    name: str = Field(description="The organization's display name")
    description: str
    is_active: bool = Field(description="Whether it can be entered; false while it is suspended")
    role: Role = Field(description="The caller's role in it")
    joined_at: datetime
    created_at: datetime
    updated_at: datetime


def user_organization(membership: Membership) -> UserOrganization:
    """A membership as it travels to its own user."""
    organization = membership.organization
    return UserOrganization(
        id=organization.id,
        key=organization.key,
        name=organization.name,
        description=organization.description,
        is_active=organization.is_active,
        role=membership.role,
        joined_at=membership.joined_at,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )


Key = Annotated[
    str, Field(max_length=63, description="Lower-case letters, digits and inner hyphens")
]
Name = Annotated[str, Field(max_length=200, description="Display name")]
Description = Annotated[str, Field(max_length=2000, description="What it is")]


class Body(BaseModel):
    """The base of request bodies: nothing that is not known, and no echo of what was sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewOrganization(Body):
    """An organization to be made."""

    key: Key
    name: Name
    description: Description = ""


class OrganizationChange(Body):
    """What is to be changed; what is absent or null stays."""

    name: Name | None = None
    description: Description | None = None


class OwnershipTransfer(Body):
    """Who is to be the owner."""

    user_id: UUID = Field(description="A member of the organization")


class OrganizationRecord(BaseModel):
    """An organization."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str = Field(description="The organization's URL slug")
    name: str = Field(description="The organization's display name")
    description: str
    is_active: bool = Field(description="Whether it can be entered; false while it is suspended")
    created_at: datetime
    updated_at: datetime


class NewWorkspace(Body):
    """A workspace to be made."""

    key: Key
    name: Name


class WorkspaceChange(Body):
    """What is to be changed; what is absent or null stays."""

    name: Name | None = None


class WorkspaceRecord(BaseModel):
    """A part of an organization."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str = Field(description="Unique in its organization")
    name: str
    org_id: UUID
    is_default: bool = Field(description="Whether it came with its organization")
    created_at: datetime
    updated_at: datetime


class NewProject(Body):
    """A project to be made."""

    key: Key
    name: Name


class ProjectRecord(BaseModel):
    """A part of a workspace."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str = Field(description="Unique in its workspace")
    name: str
    org_id: UUID
    workspace_id: UUID
    is_default: bool = Field(description="Whether it came with its workspace")
    created_at: datetime
    updated_at: datetime
