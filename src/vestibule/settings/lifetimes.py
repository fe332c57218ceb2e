"""How long tokens, sessions, codes and keys live."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vestibule.settings.group import Group


class Lifetimes(Group):
    """Tokens, sessions, codes and keys."""

    audience: str | None = Field(
        default=None, description="The `aud` of access tokens; by default the issuer."
    )
    access_token_lifetime: int = Field(default=900, ge=30, le=86400, description="Seconds.")
    refresh_token_lifetime: int = Field(
        default=30 * 86400, ge=60, description="Seconds until a sign-in ends at the latest."
    )
    refresh_token_idle_lifetime: int = Field(
        default=7 * 86400, ge=60, description="Seconds until a sign-in ends that is not used."
    )
    refresh_grace: int = Field(
        default=10,
        ge=0,
        le=300,
        description="Seconds in which a spent refresh token gets the same successor again, because "
        "its answer may have been lost; with 0 a second use always ends the sign-in.",
    )
    browser_session_lifetime: int = Field(
        default=12 * 3600, ge=60, description="Seconds until a browser must sign in again."
    )
    administration_lifetime: int = Field(
        default=3600,
        ge=60,
        description="Seconds after signing in until a browser must sign in again to administer, "
        "or to make a key or a token that outlasts the sign-in.",
    )
    authorization_code_lifetime: int = Field(
        default=60, ge=10, le=600, description="Seconds that an authorization code may be redeemed."
    )
    device_code_lifetime: int = Field(
        default=900, ge=60, le=3600, description="Seconds that a device login may be approved."
    )
    device_interval: int = Field(
        default=5, ge=1, le=60, description="Seconds between two questions of a waiting device."
    )
    signing_algorithm: Literal["ES256", "RS256", "Ed25519"] = Field(
        default="ES256", description="Algorithm of signing keys generated from now on."
    )
    key_publish_ahead: int = Field(
        default=3600, ge=0, description="Seconds that a rotated key is published before it signs."
    )
    key_rotation_interval: int = Field(
        default=90 * 86400,
        ge=0,
        description="Seconds after which a new signing key follows by itself; 0 for never.",
    )
