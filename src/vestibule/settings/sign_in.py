"""How people sign in, and how passwords are kept."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from vestibule.settings.group import CommaSeparated, Group, split


class SignIn(Group):
    """Logins and password hashes."""

    # Sign-in
    first_administrator: bool = Field(
        default=True,
        description="Make an administrator at the first start, where there is no user yet, and "
        "print the password once. Switch it off where output is kept, as that of containers is, "
        "and use `vestibule user create NAME --admin`.",
    )
    require_verified_email: bool = Field(
        default=False, description="Refuse users whose e-mail address is not verified."
    )
    failure_floor: float = Field(
        default=0,
        ge=0,
        le=10,
        description="Seconds before which no wrong password is answered; hides how long imported "
        "hashes take to check.",
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

    @field_validator("argon2_parallelism")
    @classmethod
    def _has_memory(cls, value: int, info: ValidationInfo) -> int:
        # RFC 9106 §3.1
        if info.data.get("argon2_memory", 8 * value) < 8 * value:
            raise ValueError("each lane needs 8 KiB of `argon2_memory`")
        return value

    _split_scopes = field_validator("default_scopes", mode="before")(split)
