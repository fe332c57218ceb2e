"""Two instances of the service on one database and one Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pydantic import SecretStr

from tests.redis_server import Engine, RedisServer, redis_server
from tests.waiting import PATIENCE, until
from tests.world import FakeClock
from vestibule.settings import Settings
from vestibule.state.service import SharedState
from vestibule.tokens.replays import NODES
from vestibule.wiring import Services, wire


@pytest.fixture
def own_redis(engine: Engine) -> Iterator[RedisServer]:
    """A server that this test may stop."""
    with redis_server(engine) as server:
        yield server


@pytest.fixture
async def instances(
    settings: Settings, clock: FakeClock, request: pytest.FixtureRequest
) -> AsyncIterator[Callable[..., list[Services]]]:
    """Makes two instances that share this Redis, with these options."""
    made: list[Services] = []

    def make(server: RedisServer, **options: object) -> list[Services]:
        url = SecretStr(server.url)
        shared = settings.model_copy(update={"redis_url": url, "redis_timeout": 2.0, **options})
        made.extend(wire(shared, clock=clock) for _ in range(2))
        for services in made:
            services.shared.start()
        return made

    yield make
    for services in made:
        await services.close()


async def back(shared: SharedState, *, patience: float = PATIENCE) -> None:
    """Wait until it is available again."""
    await until(lambda: shared.status().available, patience=patience)


def began(server: RedisServer, *, seconds_ago: int) -> None:
    """It has remembered everything since then."""
    with server.client() as client:
        run = client.info("server")["run_id"]
        since = 1000 * (client.time()[0] - seconds_ago)
        for node in range(NODES):
            client.set(f"vestibule:{{replays:{node:x}}}:begun", f"{since} {run}")


def remembers_for_long(server: RedisServer) -> None:
    """Since long ago, so that the database is not told."""
    began(server, seconds_ago=86400)
