"""Directories and links as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vestibule.identity.breaker import State
from vestibule.identity.profiles import MAX_SUBJECT


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class DirectoryRecord(BaseModel):
    """An upstream directory, without its secrets."""

    key: str
    name: str
    configuration: dict[str, Any] = Field(
        description="As it was sent, without secrets: sent back, those stay as they are"
    )
    secrets: list[str] = Field(description="Names of the secrets that are set")
    source: Literal["settings", "routes"] = Field(
        description="Where it was configured; one of the settings can't be changed here"
    )
    breaker: State = Field(description="Whether this instance asks it now")
    failures: int = Field(description="Questions of this instance in a row that have failed")


class DirectoryCheck(BaseModel):
    """A directory that answered."""

    milliseconds: float = Field(description="How long it took")


class SyncRequest(Body):
    """How to synchronize."""

    force: bool = Field(default=False, description="Disable whoever is gone, however many they are")


class SyncReport(BaseModel):
    """What came of a synchronization."""

    model_config = ConfigDict(from_attributes=True)

    asked: int = Field(description="People who were looked up")
    refreshed: int = Field(description="Whom the directory still has")
    gone: int = Field(description="Whom it no longer has")
    disabled: int = Field(description="Accounts disabled for that")
    stopped: str | None = Field(description="Why it ended early, in a word")


class NewIdentity(Body):
    """Who is who."""

    user_id: UUID
    subject: str = Field(
        min_length=1,
        max_length=MAX_SUBJECT,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What the directory knows the person by",
    )


class IdentityRecord(BaseModel):
    """A link between an account and a person of a directory."""

    model_config = ConfigDict(from_attributes=True)

    directory: str = Field(description="The directory's key")
    subject: str = Field(description="What the directory knows the person by")
    user_id: UUID
    created_at: datetime
    seen_at: datetime = Field(description="When the directory has last known the person")
