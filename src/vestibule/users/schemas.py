"""Users as they travel."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class UserProfile(BaseModel):
    """The caller's own account."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    email_address: str | None
    email_verified: bool = Field(description="Whether the address has proved to receive mail")
    first_name: str
    last_name: str
    full_name: str
    is_active: bool
    default_org_id: UUID | None = Field(description="The organization that the user has chosen")
    created_at: datetime
    updated_at: datetime
