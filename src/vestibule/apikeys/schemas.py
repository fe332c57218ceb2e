"""API keys as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vestibule.apikeys.service import MAX_LIFETIME

Scope = Annotated[str, Field(min_length=1, max_length=100)]


class NewApiKey(BaseModel):
    """What is asked for. An unknown field is refused: it may be a limit, misspelt."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200, description="What its owner calls it")
    org_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="Id or key of the only organization that it opens; null for all that the "
        "credential opens",
    )
    workspace_id: UUID | None = Field(
        default=None, description="The only workspace that it opens; null for all"
    )
    allowed_scopes: list[Scope] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="What it is good for, at most what the credential is; null for all of that",
    )
    allow_self_revoke: bool = Field(
        default=False, description="Whether whoever holds the key may end it"
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="When it ends, at most ten years from now; null for never"
    )
    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=int(MAX_LIFETIME.total_seconds()),
        description="The same in seconds from now",
    )


class ApiKeyRecord(BaseModel):
    """An API key without its secret."""

    id: UUID
    name: str
    prefix: str = Field(description="How the key begins; this part is no secret")
    hint: str = Field(description="How it ends")
    org_id: UUID | None = Field(description="The only organization that it opens; null for all")
    workspace_id: UUID | None = Field(description="The only workspace that it opens; null for all")
    allowed_scopes: list[str] | None = Field(
        description="What it is good for; null for all that its owner may do"
    )
    allow_self_revoke: bool = Field(description="Whether whoever holds the key may end it")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it ends; null for never")
    last_used_at: datetime | None = Field(description="Some seconds late at most; null for never")


class ApiKeyWithSecret(ApiKeyRecord):
    """An API key that was just made or renewed."""

    key: str = Field(description="The key itself. It is not kept and can't be shown again")
