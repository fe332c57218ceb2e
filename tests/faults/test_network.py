"""The way to PostgreSQL and Redis is slow, loses packets, or loses them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.comparing import compare
from tests.faults.conftest import Pair
from tests.faults.load import Load
from tests.faults.road import FAR, Road, road, within
from tests.postgres import FAST, PostgresServer
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.faults

TIMEOUT = 2
"""Seconds that the database and the instances have for an answer."""
ANSWERED = 3 * TIMEOUT
"""Seconds in which everybody has an answer: a request may ask more than once."""


@dataclass
class Far:
    """What stands at the other end."""

    road: Road
    postgres: PostgresServer
    redis: RedisServer
    database: str

    @property
    def options(self) -> dict[str, str]:
        return {
            "database_url": f"postgresql://postgres@{FAR}:{self.postgres.port}/{self.database}",
            "database_timeout": str(TIMEOUT),
            "redis_url": f"redis://{FAR}:{self.redis.port}",
            "redis_outage": "degraded",
        }

    def sql(self, statement: str) -> str:
        with within(self.road.far):
            return self.postgres.sql(statement, database=self.database)


@pytest.fixture
def far() -> Iterator[Far]:
    """Servers at the far end, while the test itself is at the near one."""
    with road() as way, TemporaryDirectory(prefix="vestibule-far-") as folder:
        Path(folder).chmod(0o755)
        postgres = PostgresServer(Path(folder) / "server", options=dict(FAST))
        postgres.create()
        with (postgres.folder / "data" / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.0.0.0/8 trust\n")
        postgres.options["listen_addresses"] = "*"
        with within(way.far):
            postgres.start()
            try:
                database = postgres.new_migrated().rpartition("/")[2]
                with redis_server(bind="0.0.0.0", protected_mode="no") as redis, within(way.near):
                    yield Far(way, postgres, redis, database)
            finally:
                postgres.stop()


async def test_on_a_slow_road_that_loses_packets_people_go_on(
    make_pair: Callable[..., Pair], far: Far, tmp_path: Path
) -> None:
    pair = make_pair(**far.options)
    load = Load(pair, tmp_path)

    async with load.running() as ledger:
        await load.everything()
        far.road.delay, far.road.loss = 0.05, 0.01
        await load.acknowledge(60)
        assert far.road.lost > 0
        far.road.delay, far.road.loss = 0, 0
        await load.everything()

    assert ledger.slowest < ANSWERED
    compare(load, far.sql)


async def test_on_a_road_that_loses_everything_nobody_waits_for_long(
    make_pair: Callable[..., Pair], far: Far, tmp_path: Path
) -> None:
    pair = make_pair(**far.options)
    load = Load(pair, tmp_path)

    async with load.running() as ledger:
        await load.everything()
        far.road.loss = 1
        await load.refused(12)
        far.road.loss = 0
        await load.everything()

    assert ledger.slowest < ANSWERED
    assert all(server.process and server.process.poll() is None for server in pair)
    compare(load, far.sql)
