"""Where data and secrets are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from vestibule.settings.group import CommaSeparated, Group, split
from vestibule.settings.secret_files import complaint


class Places(Group):
    """Data and secrets."""

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the embedded database and of generated secrets.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of files that hold options, one each, named like the variable in lower "
        "case (`vestibule_secret_key`); the environment wins over them.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://USER:PASSWORD@HOST/NAME`, or `sqlite:////path/to/file.db`; by "
        "default a SQLite file in the data folder.",
    )
    database_replica_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL that follows the database: lists and searches are read there. "
        "What decides on a credential never is.",
    )
    database_timeout: float = Field(
        default=5,
        gt=0,
        le=60,
        description="Seconds to wait for the database: for a connection, for an answer, and for "
        "another process that writes to the embedded one.",
    )
    database_pool: int = Field(
        default=10, ge=1, le=500, description="Connections to PostgreSQL of one instance."
    )
    database_prepare: bool = Field(
        default=True,
        description="Prepare statements once per connection; switch it off behind a PgBouncer in "
        "transaction mode that doesn't keep them.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that instances share limits, delays and replays through: "
        "`redis://`, `rediss://` (TLS), `redis+sentinel://`, `redis+cluster://`; by default each "
        "instance keeps its own.",
    )
    redis_timeout: float = Field(
        default=1, gt=0, le=60, description="Seconds to wait for Redis before it counts as away."
    )
    redis_outage: Literal["fail-closed", "degraded"] = Field(
        default="fail-closed",
        description="What to do while Redis is away: refuse what it would have to count "
        "(`fail-closed`), or count in each instance alone (`degraded`).",
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

    _split_keys = field_validator("previous_secret_keys", mode="before")(split)

    @field_validator("secrets_dir")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        found = None if value is None else complaint(value, options=cls.model_fields)
        if found is not None:
            raise ValueError(found)
        return value
