"""Sessions as they travel."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vestibule.sessions.models import SessionKind


class SessionInfo(BaseModel):
    """Where somebody is signed in."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: SessionKind = Field(description="`token` for a program, `browser` for our own pages")
    client_id: str = Field(description="The program")
    org_id: UUID | None = Field(description="The organization that it works in")
    address: str = Field(description="Where it was seen last")
    user_agent: str = Field(description="What the device says of itself")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool = Field(default=False, description="Whether this request came from it")
