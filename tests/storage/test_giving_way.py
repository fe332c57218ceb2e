"""Nobody waits behind a migration for long."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from alembic import command

from tests.postgres import PostgresServer, programs
from vestibule.storage import schema
from vestibule.storage.upgrading import ONE_AT_A_TIME


@contextmanager
def holding(url: str, statement: str) -> Iterator[subprocess.Popen[str]]:
    """Somebody who has run this statement in a transaction that goes on."""
    process = subprocess.Popen(
        [programs() / "psql", "-qAtX", url], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    say(process, f"BEGIN; {statement};", "held")
    try:
        yield process
    finally:
        process.communicate("ROLLBACK;\n", timeout=10)


def say(process: subprocess.Popen[str], statements: str, told: str) -> None:
    """Have it run them, and wait until they are done."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{statements} SELECT '{told}';\n")
    process.stdin.flush()
    while process.stdout.readline() not in (f"{told}\n", ""):
        pass


@pytest.fixture
def held(postgres: PostgresServer) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A database whose first tables are there, and somebody who uses `clients` for long."""
    url = postgres.new_database()
    command.upgrade(schema.alembic_config(url), "0001")
    with holding(url, "LOCK TABLE clients IN ACCESS SHARE MODE") as process:
        yield url, process


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
            say(holder, "ROLLBACK;", "let go")

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


def test_who_waits_until_another_has_migrated_has_no_transaction_meanwhile(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one waits for it where it makes an index, and each would wait for the other."""
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    under_way = f"datname = '{name}' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    seen: list[str] = []

    with holding(url, f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})") as migrating:

        def pause(_seconds: float) -> None:
            seen.append(postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {under_way}"))
            if len(seen) == 2:
                say(migrating, "ROLLBACK;", "let go")

        monkeypatch.setattr("vestibule.storage.upgrading.sleep", pause)
        schema.upgrade(url)

    assert seen == ["1", "1"]
    assert schema.current(url) == schema.HEAD
