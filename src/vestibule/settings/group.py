"""What all groups of options share."""

from __future__ import annotations

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from vestibule.settings.secret_files import SecretFiles

CommaSeparated = NoDecode
"""Marks a list that is written `a,b,c` in the environment."""


class Group(BaseSettings):
    """Options of one subject, read from the environment. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="VESTIBULE_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, and that over files."""
        assert isinstance(init_settings, InitSettingsSource)
        files = SecretFiles(settings_cls, init_settings.init_kwargs.get("secrets_dir"))
        return init_settings, env_settings, files


def split(value: object) -> object:
    """A list that was written with commas."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value
