"""Behind a PgBouncer in transaction mode, which keeps no prepared statements.

Each statement may run on another connection of the server than the one before.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.pgbouncer import pgbouncer
from tests.postgres import PostgresServer
from tests.storage.life import LIMITS, live, populate
from tests.world import FakeClock, World
from vestibule.cli.doctor_postgres import examine_postgres
from vestibule.cli.finding import Finding
from vestibule.errors import DatabaseUnavailable
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.storage.postgres import PostgresDatabase
from vestibule.wiring import wire

AT_ONCE = 32
SERVERS = 2
"""Connections of the server that all clients share."""


@pytest.fixture(scope="module")
def pooler(postgres: PostgresServer) -> Iterator[int]:
    with pgbouncer(postgres, servers=SERVERS) as port:
        yield port


@pytest.fixture
def direct(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def pooled(direct: str, postgres: PostgresServer, pooler: int) -> str:
    return direct.replace(str(postgres.port), str(pooler))


def settings(url: str, folder: Path, *, prepare: bool) -> Settings:
    return Settings(
        data_dir=folder,
        database_url=SecretStr(url),
        database_pool=16,
        database_timeout=30,
        database_prepare=prepare,
        secret_key=SecretStr("a secret key for tests, 32 characters or more"),
        argon2_memory=8,
        argon2_time=1,
        **LIMITS,
    )


async def test_whole_lives_at_once_work_where_two_connections_are_shared(
    pooled: str, tmp_path: Path, clock: FakeClock
) -> None:
    await asyncio.to_thread(schema.upgrade, pooled)
    services = wire(settings(pooled, tmp_path, prepare=False), clock=clock)
    await services.keys.ensure()
    secret = await populate(World(services))

    async with make_client(services) as client:
        await asyncio.gather(*(live(client, secret) for _ in range(AT_ONCE)))
    await services.audit.flush()
    left = await services.database.read(
        lambda c: c.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    )
    await services.close()

    assert left == 0  # nobody would ever let go of them


async def many(database: PostgresDatabase) -> list[int | BaseException]:
    """Ask for a hundred numbers at once."""
    statement = text("SELECT :number + 0")
    return await asyncio.gather(
        *(
            database.read(lambda c, n=number: c.execute(statement, {"number": n}).scalar_one())  # type: ignore[misc]
            for number in range(100)
        ),
        return_exceptions=True,
    )


async def test_where_prepared_statements_get_lost_the_log_says_how_to_mend_it(
    pooled: str,
) -> None:
    instances = [PostgresDatabase(pooled, pool_size=8, timeout=10) for _ in range(2)]

    with capture_logs() as lines:
        answers = await asyncio.gather(*(many(instance) for instance in instances))

    lost = 0
    for each in answers:
        for number, answer in enumerate(each):
            assert answer == number or isinstance(answer, DatabaseUnavailable)
            lost += isinstance(answer, DatabaseUnavailable)
    assert lost
    assert all("VESTIBULE_DATABASE_PREPARE=false" in line["mend"] for line in lines)
    for instance in instances:
        await instance.close()


NAMES = """
import asyncio, sys
from sqlalchemy import text
from vestibule.storage.postgres import PostgresDatabase

async def main():
    database = PostgresDatabase(sys.argv[1])
    for query in ("SELECT 1", "SELECT name FROM pg_prepared_statements"):
        found = await database.read(lambda c: list(c.execute(text(query)).scalars()))
    print(*found)
    await database.close()

asyncio.run(main())
"""


def test_no_two_processes_name_a_statement_alike(direct: str) -> None:
    """Where a pooler mixes their connections up, neither runs what the other has prepared."""
    first, second = (
        set(
            subprocess.run(
                [sys.executable, "-c", NAMES, direct], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        for _ in range(2)
    )

    assert len(first) == len(second) > 0
    assert not first & second


def examined(url: str, folder: Path, *, prepare: bool) -> list[Finding]:
    return list(examine_postgres(settings(url, folder, prepare=prepare)))


def test_the_doctor_finds_a_pooler_that_loses_statements(
    pooled: str, direct: str, tmp_path: Path
) -> None:
    (lost,) = examined(pooled, tmp_path, prepare=True)

    assert lost.state == "error"
    assert "VESTIBULE_DATABASE_PREPARE=false" in lost.mend
    assert examined(pooled, tmp_path, prepare=False) == []
    assert examined(direct, tmp_path, prepare=True) == []
