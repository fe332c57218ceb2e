"""How an OpenID Connect or OAuth 2.0 provider is reached and read."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from vestibule.identity.oidc.addresses import is_safe

CLAIM = r"^[\x21-\x7e]{1,200}$"


class OidcConfiguration(BaseModel):
    """An OpenID Connect provider, or an OAuth 2.0 one that tells who signed in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["oidc"]
    issuer: str = Field(
        min_length=1,
        max_length=1000,
        description="Its issuer, exactly as its metadata names it (OpenID Connect Discovery 1.0, "
        "RFC 8414)",
    )
    client_id: str = Field(min_length=1, max_length=255, description="What it knows us by")
    client_secret: SecretStr | None = Field(
        default=None, max_length=1024, json_schema_extra={"format": "password"}
    )
    client_authentication: Literal["client_secret_basic", "client_secret_post"] = Field(
        default="client_secret_basic", description="How the secret is sent (RFC 6749 §2.3.1)"
    )
    password_grant: bool = Field(
        default=False,
        description="Whether it takes passwords that people give to us (RFC 6749 §4.3); otherwise "
        "they sign in there, in a browser",
    )
    scopes: tuple[str, ...] = Field(
        default=("openid", "profile", "email"),
        max_length=50,
        description="What is asked for; without `openid` it need not speak OpenID Connect",
    )
    subject_claim: str = Field(default="sub", pattern=CLAIM)
    username_claim: str = Field(default="preferred_username", pattern=CLAIM)
    email_claim: str = Field(default="email", pattern=CLAIM)
    first_name_claim: str = Field(default="given_name", pattern=CLAIM)
    last_name_claim: str = Field(default="family_name", pattern=CLAIM)
    groups_claim: str | None = Field(
        default=None, pattern=CLAIM, description="Where groups stand; by default none is read"
    )
    trust_addresses: bool = Field(
        default=False,
        description="Whether it vouches for addresses that it does not call verified",
    )
    insecure: bool = Field(
        default=False, description="Whether it may be reached without TLS on other machines"
    )
    ca_certificates: str | None = Field(
        default=None,
        max_length=1_000_000,
        description="Certificates of the authorities that may vouch for it, in PEM; by default "
        "the usual public ones",
    )
    timeout: float = Field(
        default=5, gt=0, le=60, description="Seconds for all that one question takes"
    )

    @property
    def lacks(self) -> str | None:
        """The secret without which it is of no use: some providers know clients without one."""
        return None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not is_safe(self.issuer, insecure=self.insecure) or "?" in self.issuer:
            raise ValueError("issuer must be an https URL, or http on this machine")
        # OpenID Connect Core §2: other claims need not be unique, nor stay with one person.
        if "openid" in self.scopes and self.subject_claim != "sub":
            raise ValueError("subject_claim can be another one without the scope openid only")
        if self.ca_certificates is not None and "BEGIN CERTIFICATE" not in self.ca_certificates:
            raise ValueError("ca_certificates must be PEM")
        return self
