"""Options that are handed over as files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from vestibule.cli.main import app
from vestibule.settings import Settings

KEY = "a secret key in a file, 32 characters or more"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("VESTIBULE_")]:
        monkeypatch.delenv(name)
    made = tmp_path / "secrets"
    made.mkdir()
    (made / "vestibule_secret_key").write_text(KEY + "\n")
    monkeypatch.setenv("VESTIBULE_SECRETS_DIR", str(made))
    return made


def refusal(folder: Path) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings()
    [error] = caught.value.errors()
    assert error["loc"] == ("secrets_dir",)
    return error["msg"]


def test_a_file_is_an_option_without_the_newline_at_its_end(folder: Path) -> None:
    (folder / "VESTIBULE_DATABASE_URL").write_text("postgresql://u:p@db/vestibule\n")
    (folder / "vestibule_previous_secret_keys").write_text("first one,second one")
    (folder / "tls.pem").write_text("somebody else's")

    settings = Settings()

    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == KEY
    assert settings.sqlalchemy_url.startswith("postgresql")
    assert [key.get_secret_value() for key in settings.previous_secret_keys] == [
        "first one", "second one",
    ]  # fmt: skip


def test_the_environment_wins_over_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTIBULE_SECRET_KEY", "the key of the environment, 32 or more")

    settings = Settings()

    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value().startswith("the key of the environment")


def test_a_folder_may_be_made_of_links_as_in_kubernetes(folder: Path) -> None:
    (folder / "vestibule_secret_key").unlink()
    version = folder / "..2026_11_25"
    version.mkdir()
    (version / "vestibule_secret_key").write_text(KEY)
    (folder / "..data").symlink_to(version.name)
    (folder / "vestibule_secret_key").symlink_to("..data/vestibule_secret_key")

    settings = Settings()

    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == KEY


def test_what_can_not_be_taken_is_refused_and_not_left_out(folder: Path, tmp_path: Path) -> None:
    key = folder / "vestibule_secret_key"
    key.rename(tmp_path / "elsewhere")
    key.symlink_to(tmp_path / "elsewhere")
    assert "vestibule_secret_key, which is no file of this folder" in refusal(folder)

    key.unlink()
    key.mkdir()
    assert "no file of this folder" in refusal(folder)

    key.rmdir()
    key.symlink_to(key)
    assert "vestibule_secret_key, which" in refusal(folder)

    key.unlink()
    key.write_bytes(b"\xff\xfe")
    assert "can't be read" in refusal(folder)

    key.unlink()
    (folder / "vestibule_secretkey").write_text(KEY)
    assert "vestibule_secretkey, which is no option" in refusal(folder)


def test_a_folder_that_is_missing_ends_the_start_with_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTIBULE_SECRETS_DIR", str(folder / "none"))

    result = CliRunner().invoke(app, ["migrate"])

    assert result.exit_code == 2
    assert "VESTIBULE_SECRETS_DIR" in result.stderr
    assert "can't be read" in result.stderr


def test_a_poor_secret_in_a_file_is_named_and_not_shown(folder: Path) -> None:
    (folder / "vestibule_secret_key").write_text("too short")

    result = CliRunner().invoke(app, ["migrate"])

    assert result.exit_code == 2
    assert "VESTIBULE_SECRET_KEY" in result.stderr
    assert "too short" not in result.stderr
