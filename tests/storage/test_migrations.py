"""Migrations: without downtime, and the same on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from tests.e2e.server import Server
from tests.postgres import PostgresServer
from vestibule.storage import schema
from vestibule.storage.opening import run_once

NEWER = "9999"


def test_the_migrations_make_what_the_code_describes(empty: str) -> None:
    schema.upgrade(empty)

    command.check(schema.alembic_config(empty))


def test_migrations_can_be_taken_back(empty: str) -> None:
    schema.upgrade(empty)

    command.downgrade(schema.alembic_config(empty), "base")

    assert schema.current(empty) is None


def test_a_program_starts_on_the_tables_of_the_next_release(empty: str, tmp_path: Path) -> None:
    schema.upgrade(empty)
    run_once(empty, lambda c: c.execute(text(f"UPDATE alembic_version SET version_num='{NEWER}'")))

    server = Server(tmp_path / "data", options={"database_url": empty}).start()
    migrated = server.cli("migrate")
    found = server.cli("doctor", check=False)
    server.stop()

    assert schema.current(empty) == NEWER
    assert NEWER in migrated.stdout
    assert "update the program" in found.stdout


@pytest.mark.parametrize(
    ("before", "index", "table", "columns"),
    [
        ("0005", "ix_users_username_bytes", "users", '(username COLLATE "C")'),
        ("0007", "ix_invitations_expires_at", "invitations", "(expires_at)"),
    ],
)
def test_an_index_whose_making_was_interrupted_is_made_anew(
    postgres: PostgresServer, before: str, index: str, table: str, columns: str
) -> None:
    url = postgres.new_database()
    command.upgrade(schema.alembic_config(url), before)
    broken = f"CREATE INDEX {index} ON {table} (created_at)"
    spoilt = f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass"
    for statement in (broken, spoilt):
        run_once(url, lambda c, statement=statement: c.execute(text(statement)))  # type: ignore[misc]

    schema.upgrade(url)

    told = f"SELECT indexdef FROM pg_indexes WHERE indexname = '{index}'"
    made = run_once(url, lambda c: c.execute(text(told)).scalar_one())
    assert columns in made
