"""Organizations as they travel."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vestibule.orgs.models import Role


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
