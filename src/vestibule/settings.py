"""Every option of Vestibule: `VESTIBULE_` and the name below, in capitals, in the environment."""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from limits import parse
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

IPNetwork = IPv4Network | IPv6Network
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
CommaSeparated = NoDecode
"""Marks a list that is written `a,b,c` in the environment."""


class Settings(BaseSettings):
    """The options, read once at start. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="VESTIBULE_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    # Where things are
    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the embedded database and of generated secrets.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL; by default a SQLite file in the data folder.",
    )
    database_timeout: float = Field(
        default=5,
        gt=0,
        le=60,
        description="Seconds to wait for another process that writes to the embedded database.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="At least 32 random characters that encrypt the signing keys in the database; "
        "by default generated into the data folder at the first start.",
    )
    previous_secret_keys: Annotated[tuple[SecretStr, ...], CommaSeparated] = Field(
        default=(),
        description="Former secret keys that can still decrypt, so that it can be changed.",
    )

    # Listening
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    issuer: str | None = Field(
        default=None,
        description="Public base URL, the `iss` of every token; by default http://HOST:PORT.",
    )
    trusted_proxies: Annotated[tuple[IPNetwork, ...], CommaSeparated] = Field(
        default=(),
        description="Networks whose `Forwarded` and `X-Forwarded-*` fields are believed.",
    )
    require_tls: Literal["never", "remote", "always"] = Field(
        default="remote",
        description="Refuse credentials over plain HTTP: from all but this machine (`remote`), "
        "from anywhere (`always`), or not at all (`never`, insecure).",
    )
    cors_origins: Annotated[tuple[str, ...], CommaSeparated] = Field(
        default=(), description="Web origins whose pages may call the API."
    )
    max_body: int = Field(default=16 * 1024, ge=1024, description="Largest request body, in bytes.")
    header_timeout: float = Field(
        default=10,
        gt=0,
        description="Seconds a client may take to send its request line and headers.",
    )
    body_timeout: float = Field(
        default=10, gt=0, description="Seconds a client may take to send its request body."
    )
    drain_timeout: int = Field(
        default=30, ge=1, description="Seconds that requests under way get to end after SIGTERM."
    )

    # Sign-in
    require_verified_email: bool = Field(
        default=False, description="Refuse users whose e-mail address is not verified."
    )
    failure_floor: float = Field(
        default=0,
        ge=0,
        le=10,
        description="Seconds before which no wrong password is answered; hides how long imported "
        "hashes of other formats take to check.",
    )
    default_scopes: Annotated[frozenset[str], CommaSeparated] = Field(
        default=frozenset(
            {"openid", "profile", "email", "offline_access", "api:read", "api:write"}
        ),
        description="Scopes that may be asked for without a `client_id`, besides `org:KEY`.",
    )

    # Passwords
    argon2_memory: int = Field(
        default=19 * 1024, ge=8, le=4 * 1024 * 1024, description="Argon2id memory, in KiB."
    )
    argon2_time: int = Field(default=2, ge=1, le=100, description="Argon2id passes.")
    argon2_parallelism: int = Field(default=1, ge=1, le=64, description="Argon2id lanes.")
    hash_threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=256,
        description="Password hashes computed at the same time; by default one for each core.",
    )
    hash_deadline: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds that a login may wait for its password to be checked; what would wait "
        "longer is refused at once.",
    )
    firebase_signer_key: SecretStr | None = Field(
        default=None,
        description="Base64 signer key of the Firebase project whose hashes were imported.",
    )
    firebase_salt_separator: str = Field(
        default="Bw==", description="Base64 salt separator of that Firebase project."
    )
    firebase_rounds: int = Field(
        default=8, ge=1, le=8, description="Rounds of that Firebase project."
    )
    firebase_memory_cost: int = Field(
        default=14, ge=1, le=14, description="Memory cost of that Firebase project."
    )

    # Tokens
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

    # Organizations
    org_creation: Literal["admins", "anyone"] = Field(
        default="admins",
        description="Who may create organizations: administrators of the service, or anyone.",
    )
    invitation_lifetime: int = Field(
        default=7 * 86400, ge=60, le=366 * 86400, description="Seconds until an invitation ends."
    )
    invitation_url: str | None = Field(
        default=None,
        description="Page that invitations link to, with `?token=`; by default our own.",
    )
    invitations_per_hour: int = Field(
        default=100, ge=1, description="Invitations that one organization may send in an hour."
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Server that takes our mail, `smtp://USER:PASSWORD@HOST:587` (STARTTLS is "
        "demanded of all but this machine), `smtps://` for TLS from the start, or "
        "`smtp+insecure://` for none; unset, no mail is sent.",
    )
    mail_from: str | None = Field(
        default=None,
        validate_default=True,
        description="Sender of our mail, `Vestibule <noreply@example.org>`.",
    )
    mail_timeout: float = Field(
        default=30, gt=0, le=300, description="Seconds that sending one message may take."
    )

    # Limits
    limit_address: str = Field(
        default="120/minute", description="Logins from one address (IPv6: one /64)."
    )
    limit_account: str = Field(default="30/minute", description="Logins to one account.")
    limit_client: str = Field(
        default="60000/minute",
        description="Logins through one client; those that name none are one. Above what the "
        "machine can hash, or strangers could use it up for everybody.",
    )
    limit_failures: str = Field(
        default="120/minute",
        description="Wrong client secrets, codes and refresh tokens from one address; past it, "
        "clients without a secret are held up there.",
    )
    limit_devices: str = Field(
        default="30/minute", description="Device logins started from one address."
    )
    limit_user_codes: str = Field(
        default="20/hour", description="User codes that one person or one address may try."
    )
    failure_delays: bool = Field(
        default=True,
        description="Growing delays after failed logins. Without them (insecure) only the limits "
        "stand between a stranger and an account.",
    )

    # Logs
    log_format: Literal["json", "console"] = Field(default="json", description="Form of log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    audit_retention: int = Field(default=400, ge=0, le=36500, description="Days; 0 for ever.")

    @field_validator(
        "previous_secret_keys", "trusted_proxies", "cors_origins", "default_scopes", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [item.strip() for item in value.split(",") if item.strip()]
        return value

    @field_validator("issuer")
    @classmethod
    def _no_trailing_slash(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/")
        if not ORIGIN.fullmatch(value):
            # No query and no fragment (RFC 8414 §2), and no path: pages, cookies and what is
            # well known stand at the root.
            raise ValueError("must be of the form https://host or https://host:port, in lower case")
        return value

    @field_validator(
        "limit_address", "limit_account", "limit_client", "limit_failures", "limit_devices",
        "limit_user_codes",
    )  # fmt: skip
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            parse(value)
        except ValueError:
            raise ValueError("must be of the form 120/minute") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if (
                origin == "*"
                or not origin.startswith(("https://", "http://"))
                or origin.endswith("/")
            ):
                raise ValueError("name each origin as scheme://host[:port], without a path")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            schemes = ("smtp://", "smtps://", "smtp+insecure://")
            if not value.get_secret_value().startswith(schemes):
                raise ValueError("must be of the form smtp://user:password@host:587")
        return value

    @field_validator("mail_from")
    @classmethod
    def _has_sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("smtp_url") is not None and "@" not in (value or ""):
            raise ValueError("must be an e-mail address where there is an SMTP server")
        return value

    @property
    def sqlalchemy_url(self) -> str:
        """The database that is meant: the one set, or the embedded one."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'vestibule.db'}"

    @property
    def public_url(self) -> str:
        """The issuer: set, or made of where the service listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.issuer or f"http://{host}:{self.port}"

    @property
    def token_audience(self) -> str:
        """The audience: set, or the issuer."""
        return self.audience or self.public_url
