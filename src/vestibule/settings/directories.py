"""Upstream directories of people."""

from __future__ import annotations

from pydantic import Field, SecretStr

from vestibule.settings.group import Group


class Directories(Group):
    """Upstream directories."""

    directories: SecretStr | None = Field(
        default=None,
        description="Upstream directories as a JSON array, each as `POST /api/v1/directories` "
        "takes it; those of the administration routes come on top. It holds their passwords: hand "
        "it over as a file.",
    )
