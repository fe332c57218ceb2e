"""What all groups of options share."""

from __future__ import annotations

from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaSeparated = NoDecode
"""Marks a list that is written `a,b,c` in the environment."""


class Group(BaseSettings):
    """Options of one subject, read from the environment. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="VESTIBULE_", frozen=True, extra="forbid", hide_input_in_errors=True
    )


def split(value: object) -> object:
    """A list that was written with commas."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value
