"""The house stays as it was laid: imports go one way, migrations meet the code."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Table

from vestibule.apikeys.models import ApiKey, api_keys
from vestibule.audit.models import AuditEvent, audit_events
from vestibule.clients.models import Client, clients
from vestibule.devices.models import DeviceLogin, device_logins
from vestibule.members.models import Invitation, invitations
from vestibule.oauth.models import AuthorizationCode, authorization_codes
from vestibule.orgs.models import (
    Organization,
    Project,
    Workspace,
    organizations,
    projects,
    workspaces,
)
from vestibule.sessions.models import Session, sessions
from vestibule.storage import schema
from vestibule.tokens.models import SigningKey, signing_keys
from vestibule.users.models import User, users

ROOT = Path(__file__).parent.parent
LONGEST = 320


def test_a_module_calls_only_those_below_it() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_no_module_is_too_long_to_hold_in_the_head() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "src").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }

    assert long == {}


def test_the_head_that_the_program_knows_is_that_of_the_files() -> None:
    scripts = ScriptDirectory.from_config(schema.alembic_config("sqlite:////unused"))

    assert scripts.get_current_head() == schema.HEAD


def test_migrations_can_be_taken_back(tmp_path: Path) -> None:
    from alembic import command

    url = f"sqlite:///{tmp_path / 'v.db'}"
    schema.upgrade(url)

    command.downgrade(schema.alembic_config(url), "base")

    assert schema.current(url) is None


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (organizations, Organization), (workspaces, Workspace), (projects, Project),
        (users, User), (clients, Client), (sessions, Session), (api_keys, ApiKey),
        (device_logins, DeviceLogin), (authorization_codes, AuthorizationCode),
        (invitations, Invitation), (signing_keys, SigningKey), (audit_events, AuditEvent),
    ],
)  # fmt: skip
def test_rows_have_the_columns_of_their_table_in_its_order(table: Table, row: type) -> None:
    assert [column.name for column in table.columns] == [field.name for field in fields(row)]
