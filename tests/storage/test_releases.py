"""What the release before asks is still answered: instances of both run while one follows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from packaging.version import Version
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from tests.postgres import PostgresServer
from tests.statements import Statement, unpacked
from vestibule.storage import schema
from vestibule.storage.opening import run_once

RELEASES = Path(__file__).parent / "releases"
NAME = re.compile(r"\w+")


def previous() -> Path:
    """The newest release that was recorded."""
    return max(RELEASES.iterdir(), key=lambda folder: Version(folder.name))


def recorded(dialect: str) -> list[Statement]:
    """What it asked, with values of the kind that it asked with."""
    lines = (previous() / f"{dialect}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["sql"], tuple(unpacked(value) for value in row["values"])) for row in rows]


def columns_then(folder: Path) -> set[tuple[str, str]]:
    """Each table that there was, by the migration that was the newest, and each of its columns."""
    url = f"sqlite:///{folder / 'then.db'}"
    newest = (previous() / "migration").read_text().strip()
    command.upgrade(schema.alembic_config(url), newest)

    def read(connection: Connection) -> set[tuple[str, str]]:
        found = inspect(connection)
        tables = set(found.get_table_names()) - {"alembic_version"}
        return {(table, column["name"]) for table in tables for column in found.get_columns(table)}

    return run_once(url, read)


@pytest.fixture(params=["sqlite", "postgresql"])
def present_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the tables as they are now."""
    if request.param == "sqlite":
        schema.upgrade(f"sqlite:///{tmp_path / 'present.db'}")
        return f"sqlite:///{tmp_path / 'present.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_migrated()


def refused(url: str, *, after: str | None = None) -> dict[str, str]:
    """The statements that are not answered on the present tables, changed by `after`; and why."""

    def work(connection: Connection) -> dict[str, str]:
        embedded = connection.dialect.name == "sqlite"
        if after is not None:
            connection.exec_driver_sql(after)
        if not embedded:
            # Each is looked at alone: the rows that its values speak of are not there.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        found = {}
        for statement, values in recorded(connection.dialect.name):
            each = connection.begin_nested()
            try:
                connection.exec_driver_sql(statement, values)
            except DBAPIError as error:
                found[statement] = str(error.orig)
            finally:
                each.rollback()
        return found

    return alone(url, work)


def alone(url: str, work: Callable[[Connection], dict[str, str]]) -> dict[str, str]:
    """Run the work where nothing refers to anything, and take all of it back."""
    found: dict[str, str] = {}

    def unit(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        found.update(work(connection))
        raise _TakeBack

    with pytest.raises(_TakeBack):
        run_once(url, unit)
    return found


class _TakeBack(Exception):
    pass


def test_every_statement_of_the_release_before_is_answered(present_url: str) -> None:
    assert len(recorded(present_url.partition(":")[0])) > 100

    assert refused(present_url) == {}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_each_column_that_there_was_is_asked_for_or_written(dialect: str, tmp_path: Path) -> None:
    asked = [set(NAME.findall(statement)) for statement, _ in recorded(dialect)]

    there = columns_then(tmp_path)

    assert {table for table, _ in there} >= {"users", "scim_tokens", "user_imports"}
    assert {pair for pair in there if not any(set(pair) <= names for names in asked)} == set()


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ("ALTER TABLE users RENAME COLUMN first_name TO given_name", "users"),
        ("ALTER TABLE sessions DROP COLUMN user_agent", "sessions"),
        ("DROP TABLE consents", "consents"),
        ("ALTER TABLE scim_tokens RENAME COLUMN digest TO hash", "scim_tokens"),
        ("ALTER TABLE identities DROP COLUMN seen_at", "identities"),
        ("ALTER TABLE clients ADD COLUMN region VARCHAR(8) NOT NULL{}", "clients"),
    ],
)
def test_what_the_next_release_may_not_do_yet_is_seen(
    present_url: str, change: str, touched: str
) -> None:
    # SQLite refuses the last one itself where there is no default: NULL is none that holds.
    default = " DEFAULT (NULL)" if present_url.startswith("sqlite") else ""

    found = refused(present_url, after=change.format(default))

    assert found
    assert all(touched in statement for statement in found)


def test_what_only_adds_is_no_trouble(present_url: str) -> None:
    change = "ALTER TABLE clients ADD COLUMN region VARCHAR(8) DEFAULT 'eu' NOT NULL"

    assert refused(present_url, after=change) == {}
