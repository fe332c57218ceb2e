"""The disk of the embedded database is full for a while."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import OPTIONS
from tests.faults.disk import SmallDisk
from tests.faults.load import LOGIN, Load

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A running service on a disk of eight megabytes."""
    small = SmallDisk(tmp_path / "data", "8m")
    small.server.options.update(OPTIONS)
    small.server.start()
    yield small
    if small.server.process is not None:
        small.server.stop(signal.SIGKILL)


async def test_a_full_disk_refuses_writes_alone_and_loses_nothing(disk: SmallDisk) -> None:
    server = disk.server
    password = server.first["password"]
    form = {"username": "admin", "password": password}
    load = Load([server], password=password)

    async with (
        httpx.AsyncClient(base_url=server.url, timeout=15) as client,
        load.running() as ledger,
    ):
        await load.acknowledge(60)
        signed_in = (await client.post(LOGIN, data=form)).json()
        await asyncio.to_thread(disk.fill)
        before = ledger.unknown
        await load.meet(lambda: ledger.unknown >= before + 40)
        refused = await client.post(LOGIN, data=form)
        assert refused.status_code == 500, refused.text
        assert refused.json()["type"] == "database_error"
        assert "retry-after" in refused.headers
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        assert (await client.get("/api/v1/user", headers=bearer)).status_code == 200
        assert (await client.get("/api/v1/health")).status_code == 200
        await asyncio.to_thread(disk.free)
        await load.acknowledge(60)

    assert server.process is not None
    assert server.process.poll() is None
    assert disk.sql("PRAGMA integrity_check") == "ok"
    compare(ledger, server, disk.sql)
