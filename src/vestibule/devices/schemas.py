"""Device logins as they travel: names are the contract's and RFC 8628's."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vestibule.http.forms import MAX_SECRET


class DeviceCodeRequest(BaseModel):
    """What may be said at the start; all of it may be left out."""

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: str | None = Field(default=None, max_length=100)
    client_secret: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    scope: str = Field(default="", max_length=1000)


class DeviceCodeResponse(BaseModel):
    """A device login that waits for approval (RFC 8628 §3.2)."""

    device_code: str = Field(description="The device's secret; asks for the tokens")
    user_code: str = Field(description="What the person compares or types")
    verification_url: str = Field(description="The page to open; the same as `verification_uri`")
    verification_uri: str
    verification_uri_complete: str = Field(description="The page with the code filled in")
    expires_in: int = Field(description="Seconds")
    interval: int = Field(description="Seconds to wait between two questions")


class DeviceState(BaseModel):
    """How far a device login has come."""

    status: Literal["pending", "authorized"]
    user_id: UUID | None = Field(description="Who has approved it")


class DeviceTokenRequest(BaseModel):
    """The question for the tokens."""

    model_config = ConfigDict(hide_input_in_errors=True)

    device_code: SecretStr = Field(min_length=1, max_length=MAX_SECRET)
    client_id: str | None = Field(default=None, max_length=100)
    client_secret: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
