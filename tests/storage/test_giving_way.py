"""Nobody waits behind a migration for long."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from alembic import command

from tests.postgres import PostgresServer, programs
from vestibule.storage import schema


@pytest.fixture
def held(postgres: PostgresServer) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A database whose first tables are there, and somebody who uses `clients` for long."""
    url = postgres.new_database()
    command.upgrade(schema.alembic_config(url), "0001")
    process = subprocess.Popen(
        [programs() / "psql", "-qAtX", url], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("BEGIN; LOCK TABLE clients IN ACCESS SHARE MODE; SELECT 'held';\n")
    process.stdin.flush()
    assert process.stdout.readline() == "held\n"
    try:
        yield url, process
    finally:
        process.communicate("ROLLBACK;\n", timeout=10)


def test_a_migration_gives_way_and_begins_again_until_it_gets_its_lock(
    held: tuple[str, subprocess.Popen[str]],
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, holder = held
    tries = 0

    def pause(_seconds: float) -> None:
        nonlocal tries
        tries += 1
        # Whoever queued behind the migration gets on while it pauses.
        postgres.sql("SELECT count(*) FROM clients", database=url.rpartition("/")[2])
        if tries == 2:
            assert holder.stdin is not None
            holder.stdin.write("ROLLBACK; SELECT 'let go';\n")
            holder.stdin.flush()
            assert holder.stdout is not None
            assert holder.stdout.readline() == "let go\n"

    monkeypatch.setattr("vestibule.storage.upgrading.sleep", pause)
    schema.upgrade(url)

    assert tries == 2
    assert schema.current(url) == schema.HEAD


def test_a_migration_that_never_gets_its_lock_ends_and_changes_nothing(
    held: tuple[str, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = held
    pauses: list[float] = []
    monkeypatch.setattr("vestibule.storage.upgrading.sleep", pauses.append)
    monkeypatch.setattr("vestibule.storage.upgrading.LOCK_TIMEOUT", "20ms")

    with pytest.raises(schema.Unusable, match="lock timeout"):
        schema.upgrade(url)

    assert len(pauses) == 29
    assert schema.current(url) == "0001"
