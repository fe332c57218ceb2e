"""A login that there is no room for is refused before anything is done for it."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from prometheus_client import generate_latest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from tests.world import LOGIN, World, log_in
from vestibule.app import build
from vestibule.http import resting
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
    with capture_logs() as lines:
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

    # One line of it, and the metrics know which route it was.
    (line,) = (line for line in lines if line["log_level"] != "debug")
    assert (line["event"], line["cause"], line["status"]) == ("login", "hash_queue", 429)
    assert line["request_id"] == refused.headers["X-Request-ID"]
    counted = generate_latest(services.metrics.registry).decode()
    assert f'{{method="POST",route="{LOGIN}",status="429"}} 1.0' in counted
    assert f'duration_seconds_count{{route="{LOGIN}"}} 1.0' in counted  # the one that was served
    assert 'vestibule_limit_refusals_total{policy="hashing"} 1.0' in counted


async def test_a_connection_rests_where_it_was_refused_for_want_of_room_and_nowhere_else(
    world: World, services: Services
) -> None:
    await world.user()
    rested: list[str] = []
    app = build(services)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        resting.offer(scope, lambda: rested.append(scope["path"]))
        await app(scope, receive, send)

    pool = services.pool
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(served), base_url="http://127.0.0.1"
    ) as client:
        assert (await log_in(client)).status_code == 200
        held = [pool.reserve() for _ in range(pool.capacity)]
        assert (await client.get("/api/v1/health")).status_code == 200
        assert rested == []
        assert (await log_in(client)).status_code == 429
        for reservation in held:
            reservation.release()

    assert rested == [LOGIN]
