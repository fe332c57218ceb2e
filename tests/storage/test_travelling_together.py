"""Look-ups and logins of one moment on PostgreSQL: each gets its own answer, whoever goes along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Boolean, Column, Connection, MetaData, String, Table, Uuid, bindparam, select
from sqlalchemy.exc import IntegrityError

from tests.postgres import PostgresServer
from tests.statements import statements
from tests.tcp import CuttingProxy
from tests.waiting import until
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.lookup import Lookup
from vestibule.storage.postgres import PostgresDatabase
from vestibule.storage.together import Row, Together, Values, together

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(20), unique=True),
    Column("is_active", Boolean),
)
visits = Table("visits", metadata, Column("id", Uuid, primary_key=True), Column("of", Uuid))
lines = Table("lines", metadata, Column("id", Uuid, primary_key=True), Column("text", String))

BY_NAME: Lookup[str, UUID | None] = Lookup(
    select(people.c.id), by=people.c.name, answer=lambda rows: rows[0][0] if rows else None
)
ACTIVE = select(people.c.id).where(people.c.id == bindparam("person"), people.c.is_active)
IDS = [UUID(int=number) for number in range(6)]


@pytest.fixture
async def proxy(postgres: PostgresServer) -> AsyncIterator[CuttingProxy]:
    with CuttingProxy(postgres.port) as made:
        yield made


@pytest.fixture
async def database(
    postgres: PostgresServer, proxy: CuttingProxy
) -> AsyncIterator[PostgresDatabase]:
    url = postgres.new_database().replace(str(postgres.port), str(proxy.port))
    made = PostgresDatabase(url, timeout=10, pool_size=8)
    await made.write(_fill)
    yield made
    await made.close()


def _fill(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(
        people.insert(),
        [{"id": id_, "name": f"person{n}", "is_active": n != 3} for n, id_ in enumerate(IDS)],
    )


def entry(person: UUID, *, line: UUID | None = None, text: str = "came") -> tuple[Together, Values]:
    rows: list[Row] = [
        (visits, {"id": uuid4(), "of": person}),
        (lines, {"id": line or uuid4(), "text": text}),
    ]
    kind = together((visits, lines), ACTIVE)
    return kind, Together.values(rows, {"person": person})


async def visitors(database: PostgresDatabase) -> list[UUID]:
    return await database.read(
        lambda c: list(c.execute(select(visits.c.of).order_by(visits.c.of)).scalars())
    )


async def test_each_gets_what_it_has_looked_up(database: PostgresDatabase) -> None:
    asked = ["person4", "nobody", "person1", "person4", "person0"]

    found = await asyncio.wait_for(
        asyncio.gather(*(database.look_up(BY_NAME, name) for name in asked)), 20
    )

    assert found == [IDS[4], None, IDS[1], IDS[4], IDS[0]]
    assert await database.look_up(BY_NAME, "person2") == IDS[2]


async def test_those_of_one_moment_share_a_round_trip(
    database: PostgresDatabase, proxy: CuttingProxy
) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(database.look_up(BY_NAME, f"person{n}") for n in range(6)))
        wrote = await asyncio.gather(*(database.write_together(*entry(id_)) for id_ in IDS))
        assert wrote == [True, True, True, False, True, True]

    for _ in range(3):
        await all_at_once()  # from now on all is prepared
    before = proxy.flights

    await all_at_once()

    assert proxy.flights - before == 2


async def test_a_name_that_cannot_be_stored_spoils_no_other(database: PostgresDatabase) -> None:
    asked = ["person0", "person\0", "\ud800", "person1"]

    found = await asyncio.wait_for(
        asyncio.gather(
            *(database.look_up(BY_NAME, name) for name in asked), return_exceptions=True
        ),
        20,
    )

    assert [found[0], found[1], found[3]] == [IDS[0], None, IDS[1]]
    assert isinstance(found[2], ValueError)


async def test_a_name_with_a_nul_goes_by_itself(database: PostgresDatabase) -> None:
    """It has to be asked for twice, which those who go along would wait for."""
    with statements("postgresql") as sent:
        await asyncio.gather(
            *(database.look_up(BY_NAME, name) for name in ("person0", "person\0", "person1"))
        )

    together_sent = [values for statement, values in sent if "ANY" in statement]
    assert [set(keys) for (keys,) in together_sent] == [{"person0", "person1"}]


async def test_a_name_that_is_too_long_is_nobody_elses(database: PostgresDatabase) -> None:
    short = "x" * 20
    await database.write(
        lambda c: c.execute(people.insert(), {"id": UUID(int=9), "name": short, "is_active": True})
    )

    found = await asyncio.gather(
        database.look_up(BY_NAME, short + "y"), database.look_up(BY_NAME, short)
    )

    assert list(found) == [None, UUID(int=9)]


async def test_what_does_not_hold_for_one_holds_for_the_others(
    database: PostgresDatabase,
) -> None:
    wrote = await asyncio.gather(*(database.write_together(*entry(id_)) for id_ in IDS[2:5]))

    assert wrote == [True, False, True]
    assert await visitors(database) == [IDS[2], IDS[4]]


async def test_a_text_that_cannot_be_stored_is_mended_and_spoils_no_other(
    database: PostgresDatabase,
) -> None:
    entries = [entry(IDS[0]), entry(IDS[1], text="with a \0")]

    assert all(await asyncio.gather(*(database.write_together(*one) for one in entries)))
    texts = await database.read(lambda c: set(c.execute(select(lines.c.text)).scalars()))
    assert texts == {"came", "with a \ufffd"}


async def test_a_row_that_is_there_already_fails_alone(database: PostgresDatabase) -> None:
    line = uuid4()
    assert await database.write_together(*entry(IDS[0], line=line))

    wrote = await asyncio.gather(
        database.write_together(*entry(IDS[1])),
        database.write_together(*entry(IDS[2], line=line)),
        database.write_together(*entry(IDS[4])),
        return_exceptions=True,
    )

    assert isinstance(wrote[1], IntegrityError)
    assert (wrote[0], wrote[2]) == (True, True)
    assert await visitors(database) == [IDS[0], IDS[1], IDS[4]]


@pytest.mark.parametrize("others", [0, 2])
async def test_who_begins_waits_for_whoever_changes_what_it_depends_on(
    database: PostgresDatabase, others: int
) -> None:
    """And sees the change; who goes along does not wait."""
    holding = await database._engine.connect()
    await holding.execution_options(isolation_level="READ COMMITTED")
    await holding.execute(people.update().where(people.c.id == IDS[0]).values(is_active=False))

    waits = asyncio.create_task(database.write_together(*entry(IDS[0])))
    along = [
        asyncio.create_task(database.write_together(*entry(id_))) for id_ in IDS[1 : 1 + others]
    ]
    assert all(await asyncio.gather(*along))
    await until(lambda: database.pool.checkedout() == 2)
    assert not waits.done()
    await holding.commit()
    await holding.close()

    assert await waits is False
    assert await visitors(database) == IDS[1 : 1 + others]


async def test_who_waits_alone_for_no_longer_than_the_database_lets_is_told_it_is_away(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET lock_timeout = '50ms'", database=name)
    database = PostgresDatabase(url, timeout=10)
    await database.write(_fill)
    async with database._engine.connect() as holding:
        await holding.execution_options(isolation_level="READ COMMITTED")
        await holding.execute(people.update().where(people.c.id == IDS[0]).values(is_active=False))

        with pytest.raises(DatabaseUnavailable):
            await database.write_together(*entry(IDS[0]))

        await holding.rollback()
    await database.close()
