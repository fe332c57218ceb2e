"""What travels when tokens are handed out: names, order and descriptions are the contract's."""

from __future__ import annotations

from pydantic import BaseModel, Field

from vestibule.orgs.schemas import OrgInfo


class AccessTokenResponse(BaseModel):
    """Response containing an access token."""

    access_token: str
    default_org: OrgInfo | None = None
    expires_in: int | None = Field(default=None, description="Lifetime of the token in seconds")
    id_token: str | None = Field(default=None, description="Who has signed in, for the client")
    issued_token_type: str | None = Field(
        default=None, description="What a token exchange has given (RFC 8693)"
    )
    orgs: list[OrgInfo] = Field(default=[])
    refresh_token: str | None = None
    scope: str | None = Field(default=None, description="What was granted, space-separated")
    token_type: str | None = Field(default=None, description="`Bearer` or `DPoP`")
