"""What travels to and from the OAuth endpoints; parameter names are those of the RFCs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vestibule.http.forms import MAX_SECRET

MAX_TOKEN = 8192


class ClientForm(BaseModel):
    """How a client may prove itself in a form (RFC 6749 §2.3.1, RFC 7523 §2.2)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: str | None = Field(default=None, max_length=100)
    client_secret: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    client_assertion: SecretStr | None = Field(default=None, max_length=MAX_TOKEN)
    client_assertion_type: str | None = Field(default=None, max_length=200)


class TokenForm(ClientForm):
    """The form of `POST /oauth2/token`; which fields are needed, `grant_type` decides."""

    grant_type: str = Field(max_length=100)
    scope: str = Field(default="", max_length=1000)
    actor_token: SecretStr | None = Field(default=None, max_length=MAX_TOKEN)
    audience: str | None = Field(default=None, max_length=2000)
    code: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    code_verifier: SecretStr | None = Field(default=None, max_length=200)
    device_code: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    password: SecretStr | None = Field(
        default=None, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )
    redirect_uri: str | None = Field(default=None, max_length=2000)
    refresh_token: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    resource: str | None = Field(default=None, max_length=2000)
    requested_token_type: str | None = Field(default=None, max_length=200)
    subject_token: SecretStr | None = Field(default=None, max_length=MAX_TOKEN)
    subject_token_type: str | None = Field(default=None, max_length=200)
    username: str | None = Field(default=None, max_length=320)


class DeviceForm(ClientForm):
    """The form of `POST /oauth2/device_authorization` (RFC 8628 §3.1)."""

    scope: str = Field(default="", max_length=1000)


class AnyTokenForm(ClientForm):
    """The form of introspection (RFC 7662 §2.1) and revocation (RFC 7009 §2.1)."""

    token: SecretStr = Field(min_length=1, max_length=MAX_TOKEN)
    token_type_hint: str | None = Field(default=None, max_length=100)


class Introspection(BaseModel):
    """Whether a token is alive, and what it says (RFC 7662 §2.2)."""

    active: bool
    aud: str | None = None
    client_id: str | None = None
    cnf: dict[str, Any] | None = Field(default=None, description="The key that it is bound to")
    exp: int | None = None
    iat: int | None = None
    iss: str | None = None
    jti: str | None = None
    org_id: str | None = None
    org_key: str | None = None
    org_role: str | None = Field(default=None, description="The present role")
    scope: str | None = None
    sid: str | None = None
    sub: str | None = None
    token_type: str | None = None
    username: str | None = None
    workspace_id: str | None = None


class UserInfo(BaseModel):
    """Claims about the person (OpenID Connect Core §5.1), as the scopes open them."""

    sub: str
    email: str | None = None
    email_verified: bool | None = None
    family_name: str | None = None
    given_name: str | None = None
    name: str | None = None
    preferred_username: str | None = None
    updated_at: int | None = None
