"""A PostgreSQL and one that follows it: who is asked what, and who takes over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.identity.fakes import PASSWORD as DIRECTORYS, Fakes, directory
from tests.oauth.flows import bearer
from tests.orgs.people import signed_in
from tests.postgres import FAST, PostgresServer, postgres_server
from tests.storage.life import LIMITS, live, populate
from tests.storage.test_postgres import adding, names
from tests.world import FakeClock, World, log_in
from vestibule.cli.doctor_postgres import examine_postgres
from vestibule.errors import DatabaseUnavailable
from vestibule.settings import Settings
from vestibule.storage.postgres import PostgresDatabase
from vestibule.wiring import Services, wire

SESSIONS = "/api/v1/user/sessions"
DIRECTORIES = "/api/v1/directories"
BEHIND = "SELECT pg_last_wal_replay_lsn() < '{}'::pg_lsn"
PATIENCE = 30.0
"""Seconds within which it must have caught up."""
FLUSHED = {**FAST, "synchronous_commit": "on"}
"""What is committed can be sent to a replica."""
Wired = Callable[[str, str], Awaitable[Services]]


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with postgres_server(FLUSHED) as server:
        yield server


@pytest.fixture(scope="module")
def replica(primary: PostgresServer) -> Iterator[PostgresServer]:
    with postgres_server(follows=primary) as server:
        yield server


@pytest.fixture
def url(primary: PostgresServer) -> str:
    return primary.new_migrated()


def catch_up(replica: PostgresServer, primary: PostgresServer) -> None:
    """Wait until the replica has all that is in the primary."""
    written = primary.sql("SELECT pg_current_wal_flush_lsn()")
    give_up_at = time.monotonic() + PATIENCE
    while replica.sql(BEHIND.format(written)) == "t":
        assert time.monotonic() < give_up_at


@pytest.fixture
async def wired(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Wired]:
    """The service on a database and its replica."""
    async with AsyncExitStack() as held:

        async def make(url: str, replica_url: str) -> Services:
            settings = Settings(
                data_dir=tmp_path,
                database_url=SecretStr(url),
                database_replica_url=SecretStr(replica_url),
                database_timeout=30,
                secret_key=SecretStr("a secret key for tests, 32 characters or more"),
                argon2_memory=8,
                argon2_time=1,
                **LIMITS,
            )
            services = wire(settings, clock=clock)
            held.push_async_callback(services.close)
            await services.keys.ensure()
            return services

        yield make


async def listed(client: httpx.AsyncClient, token: str) -> int:
    answer = await client.get(SESSIONS, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return len(answer.json())


async def test_a_replica_that_lags_shows_old_lists_and_decides_nothing(
    url: str, primary: PostgresServer, replica: PostgresServer, wired: Wired
) -> None:
    name = url.rpartition("/")[2]
    services = await wired(url, replica.url(name))
    async with make_client(services) as client:
        secret = await populate(World(services))
        first = (await log_in(client)).json()["access_token"]
        catch_up(replica, primary)
        replica.sql("SELECT pg_wal_replay_pause()")
        try:
            second = (await log_in(client)).json()["access_token"]
            await live(client, secret)
            old = await listed(client, second)
        finally:
            replica.sql("SELECT pg_wal_replay_resume()")
        catch_up(replica, primary)
        new = await listed(client, first)

    assert (old, new) == (1, 2)


async def test_whom_a_directory_is_asked_for_is_read_where_links_are_written(
    url: str,
    primary: PostgresServer,
    replica: PostgresServer,
    wired: Wired,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fakes = Fakes()
    monkeypatch.setattr("vestibule.wiring.directories.make_connector", fakes)
    services = await wired(url, replica.url(url.rpartition("/")[2]))
    world, corp = World(services), fakes["corp"]
    async with make_client(services) as client:
        await world.user("root", is_admin=True)
        root = await signed_in(client, world, "root")
        await client.post(DIRECTORIES, json=directory(is_default=True), headers=root)
        for name in ("ann", "bob"):
            corp.add(name)
        await log_in(client, "ann", DIRECTORYS)
        ann = await services.users.named("ann")
        catch_up(replica, primary)
        replica.sql("SELECT pg_wal_replay_pause()")
        try:
            await log_in(client, "bob", DIRECTORYS)
            await client.delete(f"{DIRECTORIES}/corp/identities/{ann.id}", headers=root)
            corp.people.clear()
            asked = await client.post(f"{DIRECTORIES}/corp/sync", json={}, headers=root)
        finally:
            replica.sql("SELECT pg_wal_replay_resume()")

    assert asked.json() == {
        "asked": 1, "refreshed": 0, "gone": 1, "disabled": 1, "stopped": None,
    }  # fmt: skip
    assert (await services.users.named("ann")).is_active
    assert not (await services.users.named("bob")).is_active


async def test_while_the_replica_refuses_all_whole_lives_go_on_and_lists_come_from_the_primary(
    url: str, wired: Wired
) -> None:
    services = await wired(url, "postgresql://postgres@127.0.0.1:1/away")
    async with make_client(services) as client:
        secret = await populate(World(services))
        await live(client, secret)
        token = (await log_in(client)).json()["access_token"]

        with capture_logs() as lines:
            counts = [await listed(client, token) for _ in range(3)]

    assert counts == [1, 1, 1]
    assert [line["event"] for line in lines].count("replica away: the primary answers") == 1


async def test_the_doctor_looks_whether_the_replica_follows(
    url: str, primary: PostgresServer, replica: PostgresServer, tmp_path: Path
) -> None:
    name = url.rpartition("/")[2]
    catch_up(replica, primary)

    async def state(replica_url: str) -> list[str]:
        settings = Settings(
            data_dir=tmp_path,
            database_url=SecretStr(url),
            database_replica_url=SecretStr(replica_url),
            database_timeout=1,
        )
        return [f.state for f in await asyncio.to_thread(lambda: list(examine_postgres(settings)))]

    assert await state(replica.url(name)) == ["ok"]
    assert await state(replica.url("postgres")) == ["warning"]
    assert await state("postgresql://postgres@127.0.0.1:1/away") == ["warning"]


async def test_nothing_is_written_where_a_server_only_follows(
    primary: PostgresServer, replica: PostgresServer
) -> None:
    catch_up(replica, primary)
    database = PostgresDatabase(replica.url(), timeout=0.5)

    for write in (database.write, database.write_one):
        with pytest.raises(DatabaseUnavailable):
            await write(_create)

    assert database.counts.outages > 1
    await database.close()


async def test_of_a_pair_the_one_that_leads_is_taken_and_after_it_the_other() -> None:
    with postgres_server(FLUSHED) as first, postgres_server(follows=first) as second:
        hosts = f"127.0.0.1:{second.port},127.0.0.1:{first.port}"
        database = PostgresDatabase(
            f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write", timeout=20
        )
        await database.write(_create)
        await database.write(adding("before"))
        await asyncio.to_thread(catch_up, second, first)
        await asyncio.to_thread(first.stop)

        writing = asyncio.create_task(database.write(adding("after")))
        while not database.counts.outages:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.to_thread(second.sql, "SELECT pg_promote()")
        await writing

        assert await database.read(names) == ["after", "before"]
        await database.close()


def _create(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE things (name text)"))
