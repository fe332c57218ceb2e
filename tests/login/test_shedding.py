"""A login that there is no room for is refused before anything is done for it."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from tests.world import LOGIN, World, log_in
from vestibule.wiring import Services

pytestmark = pytest.mark.once


async def test_a_full_pool_refuses_at_the_door_and_says_so_in_the_trail(
    client: httpx.AsyncClient, world: World, services: Services
) -> None:
    await world.user()
    hold = threading.Event()
    pool = services.pool
    held = [pool.reserve() for _ in range(pool.capacity)]
    running = asyncio.create_task(held[0].run(hold.wait))

    # Not even a form: it is not looked at.
    refused = await client.post(LOGIN, content=b"nonsense")
    others = await client.get("/api/v1/health")
    hold.set()
    await running
    for reservation in held:
        reservation.release()
    served = await log_in(client)

    assert refused.status_code == 429
    assert refused.json()["type"] == "rate_limit_error"
    assert int(refused.headers["Retry-After"]) >= 1
    assert others.status_code == 200
    assert served.status_code == 200
    await services.audit.flush()
    rows = [(r.event, r.cause, r.status) for r in await services.audit.latest(limit=10)]
    assert ("login", "hash_queue", 429) in rows
