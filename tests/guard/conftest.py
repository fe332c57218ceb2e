"""Who counts: this process, or a private Redis or Valkey. All must decide alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import get_args

import pytest
from pydantic import SecretStr

from tests.redis_server import ENGINES, Engine, RedisServer
from tests.world import FakeClock
from vestibule.guard.backoff import Backoff
from vestibule.guard.limits import Limiter
from vestibule.guard.local import LocalTally
from vestibule.guard.shared import SharedTally
from vestibule.guard.storage import BoundedMemoryStorage
from vestibule.guard.tally import Policy, Rate, Tally, parse_rate
from vestibule.state.service import SharedState

MakeTally = Callable[..., Tally]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["process", *ENGINES])
async def make_tally(
    request: pytest.FixtureRequest, clock: FakeClock, emptied: Callable[[Engine], RedisServer]
) -> AsyncIterator[MakeTally]:
    """Makes a tally of these rates, `policy="3/minute"`; those not named are large."""
    opened: list[Callable[[], Awaitable[None]]] = []

    def make(**rates: str) -> Tally:
        every: dict[Policy, Rate] = {
            policy: parse_rate(policy, rates.get(policy, "100000/minute"))
            for policy in get_args(Policy)
        }
        local = LocalTally(
            limiter=Limiter(storage=BoundedMemoryStorage(clock=clock), clock=clock, rates=every),
            backoff=Backoff(clock=clock),
        )
        if request.param == "process":
            return local
        url = SecretStr(emptied(request.param).url)
        shared = SharedState(url=url, timeout=5, outage="fail-closed", clock=clock)
        opened.append(shared.close)
        return SharedTally(
            shared=shared, local=local, rates=every, delays=True, clock=clock, now=clock.time
        )

    yield make
    for close in opened:
        await close()
