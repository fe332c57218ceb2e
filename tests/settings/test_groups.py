"""The groups of options make one whole."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from vestibule.settings import Settings
from vestibule.settings.group import Group

GROUPS = [kind for kind in Settings.__mro__ if issubclass(kind, Group) and kind is not Settings]


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VESTIBULE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VESTIBULE_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")
    monkeypatch.setenv("VESTIBULE_CORS_ORIGINS", "https://a.example.org,https://b.example.org")
    monkeypatch.setenv("VESTIBULE_PREVIOUS_SECRET_KEYS", "one,two")
    monkeypatch.setenv("VESTIBULE_DEFAULT_SCOPES", "openid,email")

    settings = Settings()

    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]
    assert settings.cors_origins == ("https://a.example.org", "https://b.example.org")
    assert len(settings.previous_secret_keys) == 2
    assert settings.default_scopes == {"openid", "email"}


def test_no_group_replaces_what_another_one_checks() -> None:
    # Two validators of one name would be one: the other group's options went unchecked.
    names = [
        name
        for kind in GROUPS
        for name in kind.__pydantic_decorators__.field_validators
        if name in vars(kind)
    ]

    assert len(names) == len(set(names))
    assert len(names) >= 8


def test_a_hash_needs_memory_for_each_of_its_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTIBULE_ARGON2_MEMORY", "32")
    monkeypatch.setenv("VESTIBULE_ARGON2_PARALLELISM", "4")
    assert Settings().argon2_parallelism == 4

    monkeypatch.setenv("VESTIBULE_ARGON2_PARALLELISM", "5")
    with pytest.raises(ValidationError, match="each lane needs 8 KiB"):
        Settings()
