"""Ten that migrate at once, as instances do that start together: one does it, all go on."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import (
    CHAR,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Uuid,
    text,
)

from tests.e2e.server import Server
from vestibule.ids import floor_id
from vestibule.storage import schema
from vestibule.storage.opening import run_once

AT_ONCE = 10
BEFORE_MONTHS = "0002"
"""The version whose trail was one table."""
TOGETHER = """
import os, sys
import alembic.command, asyncpg, vestibule.storage.connecting, vestibule.storage.metadata
from vestibule.cli import main, serve

number = int(sys.argv[1])
sys.argv[1:] = ["migrate"]
for _ in range(number):
    if not os.fork():
        os.dup2(2, 1)
        main()
for _ in range(number):
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
"""Processes of the command that have loaded all it needs: those that load it first come one after
another where there are fewer cores."""
NOW = datetime.now(UTC).replace(microsecond=0)
MOMENTS = [NOW - timedelta(days=days) for days in (0, 40, 500)]
"""When each of the rows came that are there already."""


def migrate_at_once(url: str, folder: Path) -> None:
    """Run the command ten times at once; fails where any of them does."""
    done = subprocess.run(
        ["timeout", "100", sys.executable, "-c", TOGETHER, str(AT_ONCE)],  # ends all of them
        env=Server(folder / "data", options={"database_url": url}).environment(),
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["0"] * AT_ONCE, done.stderr


def test_ten_that_migrate_at_once_make_one_schema(empty: str, tmp_path: Path) -> None:
    migrate_at_once(empty, tmp_path)

    assert schema.current(empty) == schema.HEAD
    assert run_once(empty, versions) == [schema.HEAD]


def versions(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def test_ten_that_bring_older_tables_up_at_once_keep_every_row(empty: str, tmp_path: Path) -> None:
    command.upgrade(schema.alembic_config(empty), BEFORE_MONTHS)
    then = run_once(empty, fill)
    before = run_once(empty, lambda c: rows(c, then))

    migrate_at_once(empty, tmp_path)

    assert run_once(empty, versions) == [schema.HEAD]
    assert run_once(empty, lambda c: rows(c, then)) == before
    assert {name for name, found in before.items() if len(found) == len(MOMENTS)} >= {
        "users", "organizations", "sessions", "api_keys", "audit_events", "consents",
    }  # fmt: skip
    command.check(schema.alembic_config(empty))


def fill(connection: Connection) -> MetaData:
    """Put rows into each table that there is: the n-th of one belongs to the n-th of all others."""
    found = MetaData()
    found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    for table in found.sorted_tables:
        connection.execute(
            table.insert(),
            [
                {column.name: value(column, number) for column in table.columns}
                for number in range(len(MOMENTS))
            ],
        )
    return found


def value(column: Column[Any], number: int) -> Any:
    """What stands there in the n-th row."""
    identifier = floor_id(MOMENTS[number])
    match column.type:
        case Uuid():
            return identifier
        case CHAR():  # what an id is on SQLite
            return identifier.hex
        case String():
            return "member" if column.name == "role" else str(number)
        case LargeBinary():
            return bytes([number])
        case DateTime():
            return MOMENTS[number]
        case Boolean():
            return bool(number)
        case Integer():
            return number
        case _:
            return [number]


def rows(connection: Connection, then: MetaData) -> dict[str, list[str]]:
    """All that is in those tables, of the columns that they had then."""
    return {
        table.name: sorted(map(repr, connection.execute(table.select())))
        for table in then.sorted_tables
    }
