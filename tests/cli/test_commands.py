"""The commands, run as a person or a script would."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import typer
from argon2.exceptions import HashingError
from typer.testing import CliRunner, Result

from vestibule.cli import doctor_hashing
from vestibule.cli.lazy import loading
from vestibule.cli.main import app
from vestibule.cli.output import explained
from vestibule.errors import ApiError, Conflict, DatabaseUnavailable
from vestibule.passwords import argon2id
from vestibule.storage import schema

Run = Callable[..., Result]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a database of the test's own; with `ok` it must succeed."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copy(migrated, data / "vestibule.db")
    for name in [name for name in os.environ if name.startswith("VESTIBULE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VESTIBULE_DATA_DIR", str(data))
    monkeypatch.setenv("VESTIBULE_ARGON2_MEMORY", "8")
    monkeypatch.setenv("VESTIBULE_ARGON2_TIME", "1")

    def invoke(*arguments: str, stdin: str = "", ok: bool = True) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        assert (result.exit_code == 0) == ok, result.output
        return result

    return invoke


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)


def test_users_are_created_listed_changed_disabled_and_enabled(run: Run) -> None:
    made = as_json(
        run(
            "user", "create", "Alice", "--email", "A@Example.org", "--first-name", "Alice",
            "--json", stdin=PASSWORD + "\n",
        )
    )  # fmt: skip
    run("org", "create", "acme")

    assert (made["username"], made["email_address"]) == ("alice", "a@example.org")
    assert made["has_password"] is True
    assert "password_hash" not in made
    assert as_json(run("user", "disable", "alice", "--json"))["is_active"] is False
    assert as_json(run("user", "enable", "a@example.org", "--json"))["is_active"] is True
    changed = as_json(
        run("user", "update", "alice", "--verified", "--default-org", "acme", "--json")
    )
    assert changed["email_verified"] is True
    assert changed["default_org_id"]
    run("user", "set-password", "alice", stdin="another good one\n")
    assert [user["username"] for user in as_json(run("user", "list", "--json"))] == ["alice"]
    assert "alice" in run("user", "list", "--search", "a@ex").stdout
    assert as_json(run("user", "list", "--search", "b", "--json")) == []


def test_a_password_is_no_argument_and_a_poor_one_is_refused(run: Run) -> None:
    poor = run("user", "create", "alice", stdin="password\n", ok=False)
    argument = run("user", "create", "alice", "--password", PASSWORD, ok=False)

    assert "most common" in poor.stderr
    assert argument.exit_code == 2


def test_names_that_are_taken_are_refused(run: Run) -> None:
    run("user", "create", "alice", "--no-password")

    again = run("user", "create", "ALICE", "--no-password", ok=False)

    assert "taken" in again.stderr


@pytest.mark.parametrize("name", ["", "bad\x00name", "b@example.org", "two words"])
def test_names_that_can_not_be_are_refused(run: Run, name: str) -> None:
    run("user", "create", name, "--email", "a@example.org", "--no-password", ok=False)


def test_an_address_may_be_the_username_of_its_own_account(run: Run) -> None:
    made = as_json(
        run("user", "create", "A@example.org", "--email", "a@EXAMPLE.org", "--no-password",
            "--json")
    )  # fmt: skip

    assert made["username"] == made["email_address"] == "a@example.org"


def test_organizations(run: Run) -> None:
    run("user", "create", "alice", "--no-password")
    run("org", "create", "acme", "--name", "Acme Inc.")

    member = as_json(run("org", "add-member", "acme", "alice", "--role", "owner", "--json"))
    again = run("org", "add-member", "acme", "alice", ok=False)
    changed = as_json(
        run("org", "update", "acme", "--suspended", "--no-password-sign-in", "--json")
    )
    listed = as_json(run("org", "list", "--json"))

    assert member["role"] == "owner"
    assert "member" in again.stderr
    assert (changed["is_active"], changed["password_sign_in"]) == (False, False)
    assert [(org["key"], org["name"]) for org in listed] == [("acme", "Acme Inc.")]
    run("org", "create", "acme", ok=False)
    run("org", "create", "No Key", ok=False)
    run("org", "add-member", "none", "alice", ok=False)
    run("org", "add-member", "acme", "nobody", ok=False)


def test_clients(run: Run) -> None:
    made = as_json(
        run("client", "create", "backend", "--scope", "openid", "--minimum-version", "1.2",
            "--grant", "password", "--organization", "acme", "--json")
    )  # fmt: skip
    public = as_json(run("client", "create", "portal", "--kind", "public", "--json"))
    rotated = as_json(run("client", "rotate-secret", "backend", "--json"))
    listed = as_json(run("client", "list", "--json"))

    assert len(made["client_secret"]) >= 43
    assert public["client_secret"] is None
    assert rotated["client_secret"] != made["client_secret"]
    assert listed[0] | {"created_at": "", "updated_at": ""} == {
        "client_id": "backend", "name": "backend", "kind": "confidential",
        "grants": ["password"], "scopes": ["openid"], "minimum_version": "1.2",
        "organizations": ["acme"], "created_at": "", "updated_at": "", "redirect_uris": [],
        "jwks": None, "first_party": False, "dpop_bound": False, "is_active": True,
    }  # fmt: skip
    assert as_json(run("client", "disable", "backend", "--json"))["is_active"] is False
    assert [c["is_active"] for c in as_json(run("client", "list", "--json"))] == [False, True]
    assert as_json(run("client", "enable", "backend", "--json"))["is_active"] is True
    run("client", "disable", "none", ok=False)
    run("client", "create", "web", "--redirect-uri", "https://app.example.org/cb", "--first-party")
    for wrong in (
        "http://app.example.org/cb",
        "/cb",
        "https://a.example/#x",
        "javascript:alert(1)",
    ):
        run("client", "create", "other", "--redirect-uri", wrong, ok=False)
    run("client", "rotate-secret", "portal", ok=False)
    run("client", "rotate-secret", "none", ok=False)
    run("client", "create", "backend", ok=False)
    run("client", "create", "vestibule", ok=False)
    run("client", "create", "other", "--minimum-version", "newest", ok=False)


def test_keys(run: Run) -> None:
    first = as_json(run("keys", "rotate", "--now", "--json"))
    second = as_json(run("keys", "rotate", "--json"))
    listed = as_json(run("keys", "list", "--json"))
    third = as_json(run("keys", "rotate", "--revoke", first["kid"], "--json"))
    after = as_json(run("keys", "list", "--json"))

    assert [(key["kid"], key["state"]) for key in listed] == [
        (first["kid"], "signs"), (second["kid"], "next"),
    ]  # fmt: skip
    assert {key["kid"] for key in after} == {second["kid"], third["kid"]}
    assert next(key for key in after if key["state"] == "signs")["kid"] == third["kid"]


def test_calibrate_prints_settings(run: Run) -> None:
    found = as_json(run("passwords", "calibrate", "--milliseconds", "1", "--json"))

    assert (found["memory_kib"], found["time_cost"]) == (19 * 1024, 2)
    assert found["seconds"] > 0


def test_audit_of_nothing_is_nothing(run: Run) -> None:
    assert run("audit", "tail", "--json").stdout == ""
    assert run("audit", "tail").exit_code == 0


def test_migrate_says_from_where_to_where(run: Run) -> None:
    assert as_json(run("migrate", "--json")) == {"from": schema.HEAD, "to": schema.HEAD}


def test_version(run: Run) -> None:
    assert run("--version").stdout == "0.1.0\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VESTIBULE_PORT", "many"),
        ("VESTIBULE_SECRET_KEY", "short"),
        ("VESTIBULE_CORS_ORIGINS", "*"),
        ("VESTIBULE_REQUIRE_TLS", "sometimes"),
        ("VESTIBULE_TRUSTED_PROXIES", "everybody"),
        ("VESTIBULE_LIMIT_ADDRESS", "many"),
    ],
)
def test_a_wrong_setting_is_named_and_not_echoed(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    result = run("user", "list", ok=False)

    assert result.exit_code == 2
    assert name in result.stderr
    assert value not in result.stderr.replace(name, "")


# The doctor


def findings(result: Result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in as_json(result):
        found.setdefault(item["check"], []).append(item["state"])
        assert item["state"] == "ok" or item["mend"]
    return found


def test_the_doctor_finds_nothing_where_all_is_well(run: Run) -> None:
    run("keys", "rotate", "--now")
    run("user", "create", "alice", "--no-password")

    found = findings(run("doctor", "--json"))

    assert found == {
        "settings": ["ok"], "permissions": ["ok", "ok"], "database": ["ok"], "keys": ["ok"],
        "clock": ["ok"], "accounts": ["ok"], "hashing": ["ok"],
    }  # fmt: skip
    assert "somebody can sign in" in run("doctor").stdout


def test_the_doctor_finds_what_is_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "data" / "secret.key"
    run("keys", "rotate", "--now")

    assert findings(run("doctor", "--json"))["accounts"] == ["warning"]
    secret.chmod(0o644)
    assert "error" in findings(run("doctor", "--json", ok=False))["permissions"]
    secret.chmod(0o600)
    monkeypatch.setenv("VESTIBULE_SECRETKEY", "misspelt")
    assert findings(run("doctor", "--json"))["settings"] == ["warning"]
    monkeypatch.delenv("VESTIBULE_SECRETKEY")
    monkeypatch.setenv("VESTIBULE_REQUIRE_TLS", "never")
    assert findings(run("doctor", "--json"))["settings"] == ["warning", "ok"]
    monkeypatch.setenv("VESTIBULE_SECRET_KEY", "another key than that of the database")
    assert findings(run("doctor", "--json", ok=False))["keys"] == ["error"]
    monkeypatch.setenv("VESTIBULE_PORT", "many")
    assert findings(run("doctor", "--json", ok=False)) == {"settings": ["error"]}


def test_the_doctor_finds_a_broken_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "vestibule.db").write_bytes(b"rubbish" * 1000)

    assert findings(run("doctor", "--json", ok=False))["database"] == ["error"]


def test_the_doctor_tells_how_passwords_are_hashed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert re.search(r"hashing: one hash takes \d+ ms\n", run("doctor", ok=False).stdout)
    monkeypatch.setattr(argon2id, "digest_of", argon2id.in_its_own_memory)
    assert findings(run("doctor", "--json", ok=False))["hashing"] == ["warning"]
    without = Mock(side_effect=HashingError("No memory"))
    monkeypatch.setattr(doctor_hashing, "measure", without)
    assert findings(run("doctor", "--json", ok=False))["hashing"] == ["error"]


def test_the_doctor_warns_of_hashes_whose_time_tells(run: Run, tmp_path: Path) -> None:
    run("keys", "rotate", "--now")
    file = tmp_path / "users.jsonl"
    file.write_text(
        json.dumps({"username": "a", "password_hash": "pbkdf2:sha256:1000$s$" + "ab" * 32})
    )
    run("user", "import", str(file))

    assert findings(run("doctor", "--json"))["accounts"] == ["warning"]


def test_an_operator_makes_the_first_administrator(run: Run) -> None:
    made = as_json(run("user", "create", "olga", "--admin", "--json", stdin=PASSWORD + "\n"))
    other = as_json(run("user", "create", "otto", "--json", stdin=PASSWORD + "\n"))

    assert (made["is_admin"], other["is_admin"]) == (True, False)


@pytest.mark.parametrize("command", ["migrate", "serve", "user list"])
def test_a_database_that_can_not_be_used_is_told_in_a_sentence(
    command: str, tmp_path: Path
) -> None:
    def told(url: str | None, folder: Path = tmp_path) -> str:
        named = {} if url is None else {"VESTIBULE_DATABASE_URL": url}
        done = subprocess.run(
            [str(Path(sys.executable).parent / "vestibule"), *command.split()],
            env={
                "VESTIBULE_DATA_DIR": str(folder),
                "VESTIBULE_SECRET_KEY": "s" * 43,
                **named,
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("The database can't be used: ").removesuffix("\n")

    file = tmp_path / "broken.db"
    file.write_bytes(b"rubbish" * 1000)

    assert told(f"sqlite:///{file}") == "file is not a database"
    assert "Connect call failed" in told("postgresql://a:b@127.0.0.1:1/c")
    assert told(None, folder=file / "data").endswith(f"'{file / 'data'}'")
    # The driver would quote a part of this password.
    assert told("postgresql://a:sec/ret@127.0.0.1:1/c") == (
        "its URL needs percent-encoding, or is none"
    )


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DatabaseUnavailable(), 2, "The database doesn't answer\n"),
        (DatabaseUnavailable(cause="shared_state"), 2, "Redis doesn't answer\n"),
        (HashingError("No memory"), 1, "A password can't be hashed: No memory\n"),
        (Conflict("It is taken"), 1, "It is taken\n"),
    ],
)
def test_what_goes_wrong_meanwhile_is_told_too(
    error: ApiError, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise error

    assert ended.value.exit_code == code
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        # A container engine asks every few seconds: what it imports is paid for each time.
        ("health", ["vestibule.wiring", "fastapi", "sqlalchemy"]),
        ("users", ["scim2_models", "fastapi"]),
        # It answers identity providers, where there are any.
        ("serve, vestibule.server.run", ["scim2_models"]),
    ],
)
def test_a_command_imports_no_more_than_it_needs(command: str, unneeded: list[str]) -> None:
    code = (
        f"import sys, vestibule.cli.{command}\nprint([n for n in {unneeded} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"


def test_what_a_command_imports_is_not_looked_through_and_what_it_makes_is() -> None:
    frozen = gc.get_freeze_count()
    loads: list[bool] = []

    def fail() -> None:
        with loading():
            loads.append(gc.isenabled())
            raise ImportError

    with pytest.raises(ImportError):
        fail()

    assert loads == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
