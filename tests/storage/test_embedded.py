"""The embedded database: units of work, group commit, locks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from vestibule.errors import DatabaseUnavailable
from vestibule.storage.embedded import EmbeddedDatabase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[EmbeddedDatabase]:
    made = EmbeddedDatabase(f"sqlite:///{path}", busy_timeout=0.05)
    await made.write(lambda c: c.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
    yield made
    await made.close()


def insert(n: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})
        return n

    return work


async def count(database: EmbeddedDatabase) -> int:
    return await database.read(lambda c: c.execute(text("SELECT count(*) FROM t")).scalar_one())


async def test_many_writes_at_once_are_all_there(database: EmbeddedDatabase) -> None:
    results = await asyncio.gather(*(database.write(insert(n)) for n in range(500)))

    assert results == list(range(500))
    assert await count(database) == 500


async def test_one_that_fails_in_company_fails_alone(database: EmbeddedDatabase) -> None:
    gate = threading.Event()
    blocking = asyncio.ensure_future(database.write(lambda _: gate.wait()))
    await asyncio.sleep(0)
    jobs = [asyncio.ensure_future(database.write(insert(n))) for n in (1, 2, 2, 3)]
    await asyncio.sleep(0)

    gate.set()
    results = await asyncio.gather(blocking, *jobs, return_exceptions=True)

    assert [isinstance(result, IntegrityError) for result in results[1:]].count(True) == 1
    assert await count(database) == 3


async def test_a_unit_that_fails_leaves_nothing(database: EmbeddedDatabase) -> None:
    def half(connection: Connection) -> None:
        connection.execute(text("INSERT INTO t VALUES (7)"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(half)

    assert await count(database) == 0


async def test_a_write_that_was_awaited_is_on_disk(database: EmbeddedDatabase, path: Path) -> None:
    await database.write(insert(1))

    other = sqlite3.connect(path)
    rows = other.execute("SELECT n FROM t").fetchall()
    other.close()

    assert rows == [(1,)]


async def test_another_process_that_holds_the_lock_makes_it_unavailable_for_as_long(
    database: EmbeddedDatabase, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(DatabaseUnavailable):
        await database.write(insert(1))
    assert await count(database) == 0
    other.execute("ROLLBACK")
    other.close()

    await database.write(insert(1))
    assert await count(database) == 1


async def test_those_who_wait_for_the_lock_together_wait_once(
    database: EmbeddedDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Connection] = []
    connection = database._writing_connection

    def counted() -> Connection:
        begun.append(connection())
        return begun[-1]

    monkeypatch.setattr(database, "_writing_connection", counted)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = (database.write(insert(n)) for n in range(20))
    results = await asyncio.gather(*writes, return_exceptions=True)
    other.execute("COMMIT")
    other.close()

    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    assert len(begun) == 1


async def test_those_who_are_tried_one_by_one_wait_once_for_the_lock(
    database: EmbeddedDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Connection] = []
    connection = database._writing_connection
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def counted() -> Connection:
        begun.append(connection())
        if len(begun) == 2:  # all together failed, and now comes somebody else
            other.execute("BEGIN IMMEDIATE")
        return begun[-1]

    monkeypatch.setattr(database, "_writing_connection", counted)
    writes = (database.write(insert(n)) for n in (1, 1, 2, 3, 4))
    results = await asyncio.gather(*writes, return_exceptions=True)
    other.execute("COMMIT")
    other.close()

    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    assert len(begun) == 2


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.db"
    path.write_bytes(b"this is no database, and long enough to be read as one" * 100)
    database = EmbeddedDatabase(f"sqlite:///{path}")

    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda c: c.execute(text("SELECT 1 FROM t")).all())
    with pytest.raises(DatabaseUnavailable):
        await database.write(insert(1))
    await database.close()


async def test_a_write_whose_caller_has_gone_is_still_made(database: EmbeddedDatabase) -> None:
    job = asyncio.ensure_future(database.write(insert(1)))
    await asyncio.sleep(0)
    job.cancel()

    await database.write(insert(2))

    assert await count(database) == 2


def test_other_databases_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="sqlite:////"):
        EmbeddedDatabase("postgresql://localhost/vestibule")


async def test_an_errors_text_holds_no_values(database: EmbeddedDatabase) -> None:
    await database.write(insert(123456789))

    with pytest.raises(IntegrityError) as refused:
        await database.write(insert(123456789))

    assert "123456789" not in str(refused.value)
