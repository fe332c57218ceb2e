"""The database on PostgreSQL: what runs again, what never does, and how long anybody waits."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.postgres import PostgresServer, postgres_server
from tests.tcp import CuttingProxy
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.postgres import PostgresDatabase

NAMES = text("SELECT name FROM things ORDER BY name")
ADD = text("INSERT INTO things (name) VALUES (:name)")


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    return postgres


@pytest.fixture
def url(server: PostgresServer) -> str:
    made = server.new_database()
    server.sql(
        "CREATE TABLE things (name text PRIMARY KEY, value int NOT NULL DEFAULT 0)",
        database=made.rpartition("/")[2],
    )
    return made


@pytest.fixture
async def database(url: str) -> AsyncIterator[PostgresDatabase]:
    made = PostgresDatabase(url, timeout=10, pool_size=4)
    yield made
    await made.close()


def names(connection: Connection) -> list[str]:
    return list(connection.execute(NAMES).scalars())


def adding(name: str) -> Callable[[Connection], None]:
    return lambda connection: _add(connection, name)


def _add(connection: Connection, name: str) -> None:
    connection.execute(ADD, {"name": name})


async def test_what_is_written_is_read(database: PostgresDatabase) -> None:
    await database.write(adding("a"))
    await database.write_one(adding("b"))

    assert await database.read(names) == ["a", "b"]
    assert await database.scan(names) == ["a", "b"]


async def test_a_unit_that_fails_writes_nothing(database: PostgresDatabase) -> None:
    def fails(connection: Connection) -> None:
        _add(connection, "a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fails)

    assert await database.read(names) == []


@pytest.mark.parametrize("one", [False, True])
async def test_what_is_taken_is_an_integrity_error(database: PostgresDatabase, one: bool) -> None:
    await database.write(adding("a"))

    with pytest.raises(IntegrityError):
        await (database.write_one if one else database.write)(adding("a"))

    assert await database.read(names) == ["a"]


async def test_a_row_that_breaks_a_constraint_is_not_tried_again(
    database: PostgresDatabase,
) -> None:
    constraint = text("ALTER TABLE things ADD CONSTRAINT short CHECK (name < 'b')")
    await database.write(lambda c: c.execute(constraint))

    with pytest.raises(IntegrityError):
        await database.write(adding("b"))

    assert database.counts.conflicts == 0


async def test_units_that_rely_on_what_they_read_run_as_if_alone(
    database: PostgresDatabase,
) -> None:
    """Each adds one where there are fewer than three: of twenty at once three may."""

    def add_where_few(connection: Connection) -> bool:
        count = connection.execute(text("SELECT count(*) FROM things")).scalar_one()
        if count >= 3:
            return False
        _add(connection, str(uuid4()))
        return True

    added = await asyncio.gather(*(database.write(add_where_few) for _ in range(20)))

    assert sum(added) == 3
    assert len(await database.read(names)) == 3
    assert database.counts.conflicts > 0


async def test_a_deadlock_is_run_again(database: PostgresDatabase, server: PostgresServer) -> None:
    name = database.url.rpartition("/")[2]
    server.sql(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'")  # no need to wait for it
    await database.write(adding("a"))
    await database.write(adding("b"))

    def raising(*order: str) -> Callable[[Connection], None]:
        def unit(connection: Connection) -> None:
            for name in order:
                connection.execute(
                    text("UPDATE things SET value = value + 1 WHERE name = :name"), {"name": name}
                )
                connection.execute(text("SELECT pg_sleep(0.05)"))

        return unit

    await asyncio.gather(
        *(
            database.write(raising(*order), isolation="READ COMMITTED")
            for order in (("a", "b"), ("b", "a")) * 3
        )
    )

    values = await database.read(
        lambda c: list(c.execute(text("SELECT value FROM things")).scalars())
    )
    assert values == [6, 6]


async def test_a_text_with_a_nul_is_equal_to_nothing(database: PostgresDatabase) -> None:
    find = text("SELECT name FROM things WHERE name = :name")
    await database.write(adding("a"))

    found = await database.read(lambda c: c.execute(find, {"name": "a\0"}).first())
    await database.write(adding("b\0"))

    assert found is None
    assert await database.read(names) == ["a", "b\ufffd"]


async def test_connections_that_were_cut_are_replaced_unseen(
    database: PostgresDatabase, server: PostgresServer
) -> None:
    await asyncio.gather(*(database.read(names) for _ in range(4)))
    name = database.url.rpartition("/")[2]

    # It waits until they have ended: until then one would still take what it will not do.
    cut = f"SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{name}'"

    for write in (database.write, database.write_one):
        # In a thread, so that the loop hears of it meanwhile, as it does when it is idle.
        await asyncio.to_thread(server.sql, cut)
        assert await database.read(names) is not None
        await asyncio.to_thread(server.sql, cut)
        await write(adding(str(uuid4())))

    assert len(await database.read(names)) == 2
    assert database.counts.outages > 0


async def test_a_unit_that_is_cut_before_its_commit_runs_again_and_counts_once(
    database: PostgresDatabase,
) -> None:
    tries = 0

    def unit(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        _add(connection, "a")
        if tries == 1:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await database.write(unit)

    assert tries == 2
    assert await database.read(names) == ["a"]


@pytest.mark.parametrize("one", [False, True])
async def test_what_may_have_been_committed_is_never_run_again(
    server: PostgresServer, url: str, one: bool
) -> None:
    """The connection is cut as the decisive word is on its way: nobody knows what became of it."""
    last_word = b"INSERT INTO things" if one else b"COMMIT"
    with CuttingProxy(server.port) as proxy:
        cut = PostgresDatabase(url.replace(str(server.port), str(proxy.port)), timeout=5)
        await cut.read(names)
        tries = 0

        def unit(connection: Connection) -> None:
            nonlocal tries
            tries += 1
            _add(connection, "a")

        proxy.cut_after(last_word)
        with pytest.raises(DatabaseUnavailable):
            await (cut.write_one if one else cut.write)(unit)
        assert tries == 1
        assert await cut.read(names) in ([], ["a"])
        await cut.close()


async def test_a_server_that_starts_anew_is_waited_for() -> None:
    with postgres_server({}) as own:  # it keeps what it has acknowledged
        database = PostgresDatabase(own.url(), timeout=30)
        await database.read(lambda c: c.execute(text("CREATE TABLE things (name text)")))
        own.stop(signal.SIGQUIT)
        waiting = asyncio.create_task(database.write(adding("a")))
        while not database.counts.outages:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.to_thread(own.start)

        await waiting

        assert await database.read(names) == ["a"]
        await database.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


async def test_one_that_says_nothing_costs_the_timeout(silent: int) -> None:
    database = PostgresDatabase(f"postgresql://u:p@127.0.0.1:{silent}/x", timeout=0.3)
    began = time.monotonic()

    answers = await asyncio.gather(
        *(database.read(names) for _ in range(20)),
        *(database.write(adding("a")) for _ in range(20)),
        return_exceptions=True,
    )

    assert time.monotonic() - began < 20
    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    await database.close()


async def test_a_server_that_is_held_is_not_waited_for_longer(url: str) -> None:
    database = PostgresDatabase(url, timeout=2)
    sleep = text("SELECT pg_sleep(30)")

    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda c: c.execute(sleep).all())

    assert await database.read(names) == []
    await database.close()


async def test_nobody_waits_for_a_connection_for_ever(url: str) -> None:
    database = PostgresDatabase(url, timeout=0.5, pool_size=1)
    sleep = text("SELECT pg_sleep(30)")

    answers = await asyncio.gather(
        *(database.read(lambda c: c.execute(sleep).all()) for _ in range(8)),
        return_exceptions=True,
    )

    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    await database.close()


@pytest.mark.parametrize("name", ["nobody:pass-secret@127.0.0.1", "u:pass-secret@localhost"])
async def test_no_error_tells_the_password(
    server: PostgresServer, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    database = PostgresDatabase(f"postgresql://{name}:{server.port}/missing", timeout=2)

    with pytest.raises(DatabaseUnavailable) as refused:
        await database.read(names)

    told = capsys.readouterr()
    assert "secret" not in f"{refused.value!r} {told.out} {told.err}"
    await database.close()


async def test_of_several_hosts_the_one_that_can_be_written_is_taken(
    url: str, server: PostgresServer, silent: int
) -> None:
    several = url.replace(
        f"127.0.0.1:{server.port}", f"127.0.0.1:{_closed_port()},127.0.0.1:{server.port}"
    )
    database = PostgresDatabase(f"{several}?target_session_attrs=read-write", timeout=5)

    await database.write(adding("a"))

    assert await database.read(names) == ["a"]
    await database.close()


async def test_lists_come_from_the_replica_and_while_it_is_away_from_the_primary(
    server: PostgresServer, url: str
) -> None:
    other = server.new_database()
    server.sql("CREATE TABLE things (name text)", database=other.rpartition("/")[2])
    server.sql("INSERT INTO things VALUES ('old')", database=other.rpartition("/")[2])
    database = PostgresDatabase(url, replica_url=other, timeout=5)
    without = PostgresDatabase(
        url, replica_url=f"postgresql://postgres@127.0.0.1:{_closed_port()}/x", timeout=5
    )
    await database.write(adding("new"))

    assert await database.scan(names) == ["old"]
    assert await database.read(names) == ["new"]
    assert await without.scan(names) == ["new"]
    await database.close()
    await without.close()


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
