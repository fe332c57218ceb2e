"""Members and invitations as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vestibule.orgs.models import Role
from vestibule.orgs.schemas import Body
from vestibule.text import MAX_NAME


class MemberRecord(BaseModel):
    """A member of an organization."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    username: str
    email_address: str | None
    full_name: str
    role: Role = Field(description="What the member may do in the organization")
    joined_at: datetime


class RoleChange(Body):
    """What a member is to be."""

    role: Role


class NewInvitation(Body):
    """Who is to be invited, and to what."""

    email_address: Annotated[str, Field(max_length=MAX_NAME)]
    role: Role = Role.MEMBER


class InvitationRecord(BaseModel):
    """An invitation that can be accepted."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email_address: str
    role: Role = Field(description="What the invited person will be")
    invited_by: UUID = Field(description="The user who has invited them")
    created_at: datetime
    expires_at: datetime


class CreatedInvitation(InvitationRecord):
    """An invitation with its secret, which is told this once."""

    token: str = Field(description="What the invited person accepts with; hand it to nobody else")
    mail_sent: bool = Field(description="Whether a mail with a link is on its way to them")


class InvitationToken(Body):
    """What an invitation is accepted with."""

    token: Annotated[SecretStr, Field(max_length=128)]
