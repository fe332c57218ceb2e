"""Whether an instance should be sent requests."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from tests.conftest import make_client
from tests.metrics.reading import value
from tests.ports import free_port
from tests.world import FakeClock
from vestibule.errors import DatabaseUnavailable, NotReady
from vestibule.http.draining import Draining
from vestibule.settings import Settings
from vestibule.status import readiness
from vestibule.status.readiness import FRESH, Readiness
from vestibule.storage import schema
from vestibule.wiring import Services, wire

READY = "/api/v1/ready"


def failing(answer: httpx.Response) -> list[str]:
    """The names of the checks that fail, by an answer that holds nothing else."""
    if answer.status_code == 200:
        assert answer.json() == {"status": "ready"}
        return []
    assert answer.status_code == 503
    body = answer.json()
    names = [str(item["loc"][1]) for item in body["errors"]]
    assert body == {
        "code": 503,
        "detail": "This instance is not ready",
        "errors": [
            {"loc": ["ready", name], "msg": "This check fails", "type": "not_ready"}
            for name in names
        ],
        "type": "not_ready_error",
    }
    return names


async def execute(services: Services, statement: str) -> None:
    def unit(connection: Connection) -> None:
        connection.execute(text(statement))

    await services.database.write(unit)


async def test_an_instance_that_has_all_it_needs_is_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get(READY)

    assert failing(answer) == []
    assert answer.headers["cache-control"] == "no-store"


async def test_it_is_not_while_its_database_is_older_than_the_program(
    services: Services, client: httpx.AsyncClient
) -> None:
    await execute(services, "UPDATE alembic_version SET version_num = '0000'")

    assert failing(await client.get(READY)) == ["migrations"]
    assert (await client.get("/api/v1/health")).status_code == 200


async def test_it_is_while_the_next_release_has_migrated_already(
    services: Services, client: httpx.AsyncClient
) -> None:
    following = f"{int(schema.HEAD) + 1:04}"
    await execute(services, f"UPDATE alembic_version SET version_num = '{following}'")

    assert failing(await client.get(READY)) == []


async def test_it_is_not_without_a_key_that_signs(
    services: Services, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    await execute(services, "DELETE FROM signing_keys")
    clock.advance(3600)

    assert failing(await client.get(READY)) == ["signing_keys"]


async def test_it_is_not_while_the_database_is_away(
    services: Services, clock: FakeClock, client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert failing(await client.get(READY)) == []

    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(type(services.database), "read", away)
    clock.advance(FRESH)

    assert failing(await client.get(READY)) == ["database", "migrations"]

    monkeypatch.undo()
    clock.advance(FRESH)
    assert failing(await client.get(READY)) == []


@pytest.mark.once
@pytest.mark.parametrize("outage", ["fail-closed", "degraded"])
async def test_without_redis_it_is_ready_where_it_counts_alone(
    settings: Settings, outage: str
) -> None:
    given = settings.model_copy(
        update={
            "redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}"),
            "redis_timeout": 0.2,
            "redis_outage": outage,
        }
    )
    services = wire(given)
    await services.keys.ensure()
    async with make_client(services) as client:
        await client.post("/api/v1/auth/login", data={"username": "x", "password": "y"})

        health, answer = await client.get("/api/v1/health"), await client.get(READY)

        assert health.json() == {"status": "ok", "degraded": ["shared_state"]}
        if outage == "degraded":
            assert answer.json() == {"status": "ready", "degraded": ["shared_state"]}
        else:
            assert failing(answer) == ["shared_state"]
        assert value(services, "vestibule_shared_state_available") == 0
        assert value(services, "vestibule_shared_state_degraded") == int(outage == "degraded")
        assert value(services, "vestibule_shared_state_outages_total") == 1
        assert value(services, "vestibule_shared_state_operation_seconds_count") >= 1
    await services.close()


@pytest.mark.once
async def test_one_that_is_about_to_end_says_no_and_answers_everything_else(
    services: Services, client: httpx.AsyncClient
) -> None:
    before = await client.get("/api/v1/health")
    services.draining.begin()

    assert failing(await client.get(READY)) == ["draining"]
    health = await client.get("/api/v1/health")
    assert health.status_code == 200
    assert "connection" not in before.headers
    assert health.headers["connection"] == "close"
    assert value(services, "vestibule_draining") == 1


@pytest.mark.once
async def test_the_metrics_tell_it_where_nobody_else_asks(
    services: Services, clock: FakeClock, client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async def told() -> list[str]:
        clock.advance(FRESH)
        lines = (await client.get("/metrics")).text.splitlines()
        return [line for line in lines if line.startswith("vestibule_ready ")]

    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    assert await told() == ["vestibule_ready 1.0"]

    monkeypatch.setattr(type(services.database), "read", away)
    assert await told() == ["vestibule_ready 0.0"]

    monkeypatch.undo()
    assert await told() == ["vestibule_ready 1.0"]

    services.draining.begin()
    assert await told() == ["vestibule_ready 0.0"]


@pytest.mark.once
async def test_asking_often_asks_the_database_once_a_second(
    services: Services, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    def reads() -> float:
        return value(services, "vestibule_database_operation_seconds_count", kind="read")

    await client.get(READY)
    once = reads()
    await asyncio.gather(*(client.get(READY) for _ in range(50)))
    assert reads() == once

    clock.advance(FRESH)
    await asyncio.gather(*(client.get(READY) for _ in range(50)))
    assert reads() == once + 2


async def test_a_check_that_does_not_answer_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "TIMEOUT", 0.01)

    async def silent() -> bool:
        await asyncio.Event().wait()
        return True

    ready = Readiness({"silent": silent}, draining=Draining(), clock=FakeClock())

    with pytest.raises(NotReady) as refused:
        await ready.require()

    assert refused.value.errors is not None
    assert refused.value.errors[0].loc == ["ready", "silent"]


async def test_who_goes_away_takes_nobody_elses_answer_along() -> None:
    go = asyncio.Event()
    asked = 0

    async def slow() -> bool:
        nonlocal asked
        asked += 1
        await go.wait()
        return True

    ready = Readiness({"slow": slow}, draining=Draining(), clock=FakeClock())
    first, second = (asyncio.create_task(ready.require()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    go.set()

    await second
    assert first.cancelled() or first.cancelling()
    assert asked == 1


async def test_probes_that_find_all_well_are_no_news_in_the_log(
    client: httpx.AsyncClient, services: Services
) -> None:
    with capture_logs() as lines:
        await client.get(READY)
        await client.get("/api/v1/health")
        await client.post("/api/v1/health")
        services.draining.begin()
        await client.get(READY)

    told = [(line["status"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert told == [(200, "debug"), (200, "debug"), (405, "info"), (503, "info")]
