"""The disk of the database is full for a while."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.e2e.server import Server
from tests.faults.asking import LOGIN
from tests.faults.comparing import compare
from tests.faults.conftest import OPTIONS, Pair
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.load import Load
from tests.postgres import PostgresServer

pytestmark = pytest.mark.faults

ROOM = 500
"""More logins than there is room for within the files of a database that can't grow."""

SEGMENTS = 20
"""More of PostgreSQL's log than it has laid up."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Eight megabytes for a data folder."""
    with small_disk(tmp_path / "data", "8m") as small:
        yield small


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[Server]:
    """A running service on it."""
    running = Server(disk.folder, options=dict(OPTIONS)).start()
    yield running
    running.stop(signal.SIGKILL)


async def test_a_full_disk_refuses_writes_alone_and_loses_nothing(
    disk: SmallDisk, server: Server, tmp_path: Path
) -> None:
    def sql(statement: str) -> str:
        with closing(sqlite3.connect(disk.folder / "vestibule.db", timeout=10)) as connection:
            rows = connection.execute(statement)
            return "\n".join("|".join(map(str, row)) for row in rows)

    load = Load([server], tmp_path)
    async with load.running():
        await load.acknowledge(60)
        await load.everything()
        await refuses_writes_alone(disk, load)
        await asyncio.to_thread(disk.free)
        await load.acknowledge(60)
        await load.everything()

    assert server.process is not None
    assert server.process.poll() is None
    assert sql("PRAGMA integrity_check") == "ok"
    compare(load, sql)


async def refuses_writes_alone(disk: SmallDisk, load: Load) -> None:
    """Fill the disk, and see what is answered while it is full."""
    server, form = load.servers[0], {"username": "admin", "password": load.password}
    async with httpx.AsyncClient(base_url=server.url, timeout=15) as client:
        signed_in = (await client.post(LOGIN, data=form)).json()
        await asyncio.to_thread(disk.fill)
        await load.refused(40)
        for _ in range(ROOM):
            refused = await client.post(LOGIN, data=form)
            if refused.status_code != 200:
                break
        assert refused.status_code == 500, refused.text
        assert refused.json()["type"] == "database_error"
        assert "retry-after" in refused.headers
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        assert (await client.get("/api/v1/user", headers=bearer)).status_code == 200
        assert (await client.get("/api/v1/health")).status_code == 200


@dataclass
class Cramped:
    """A PostgreSQL whose files are all on one small disk."""

    disk: SmallDisk
    server: PostgresServer
    database: str

    def sql(self, statement: str) -> str:
        return self.server.sql(statement, database=self.database)

    def use_up_the_log(self) -> None:
        """Write until there is no room for its log, which ends it."""
        for _ in range(SEGMENTS):
            try:
                self.sql("SELECT pg_logical_emit_message(true, '', ''); SELECT pg_switch_wal()")
            except subprocess.CalledProcessError:
                return
        raise AssertionError("its log still has room")


@pytest.fixture
def cramped() -> Iterator[Cramped]:
    """As it is by default: what it has acknowledged is on the disk."""
    with TemporaryDirectory(prefix="vestibule-disk-") as folder:
        Path(folder).chmod(0o755)
        with small_disk(Path(folder) / "disk", "160m") as disk:
            server = PostgresServer(disk.folder / "server", options={}).create().start()
            try:
                database = server.new_migrated().rpartition("/")[2]
                yield Cramped(disk, server, database)
            finally:
                server.stop(signal.SIGQUIT)


async def test_a_full_disk_of_postgresql_refuses_writes_alone_and_loses_nothing(
    make_pair: Callable[..., Pair], cramped: Cramped, tmp_path: Path
) -> None:
    pair = make_pair(database_url=cramped.server.url(cramped.database))
    load = Load(pair, tmp_path)

    async with load.running():
        await load.acknowledge(60)
        await load.everything()
        await refuses_writes_alone(cramped.disk, load)
        await asyncio.to_thread(cramped.disk.free)
        await load.acknowledge(60)
        await load.everything()

    assert all(server.process and server.process.poll() is None for server in pair)
    compare(load, cramped.sql)


async def test_what_was_acknowledged_outlives_a_disk_that_is_full_of_postgresql_itself(
    make_pair: Callable[..., Pair], cramped: Cramped, tmp_path: Path
) -> None:
    pair = make_pair(database_url=cramped.server.url(cramped.database))
    load = Load(pair, tmp_path)

    async with load.running():
        await load.acknowledge(60)
        await load.everything()
        await asyncio.to_thread(cramped.disk.fill)
        await asyncio.to_thread(cramped.use_up_the_log)
        await load.refused(12)
        await asyncio.to_thread(cramped.disk.free)
        await asyncio.to_thread(cramped.server.stop, signal.SIGQUIT)
        await asyncio.to_thread(cramped.server.start)
        await load.acknowledge(60)
        await load.everything()

    assert all(server.process and server.process.poll() is None for server in pair)
    compare(load, cramped.sql)
