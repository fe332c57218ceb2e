"""What is counted and measured, and that nobody can be told by it."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from sqlalchemy import Connection

from tests.conftest import make_client
from tests.metrics.reading import text_of, value
from tests.world import FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.errors import DatabaseUnavailable
from vestibule.metrics import children, lag
from vestibule.metrics.service import Metrics
from vestibule.wiring import Services

pytestmark = pytest.mark.once


async def test_logins_are_counted_by_result_type_and_cause(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()
    await world.user("carol", is_active=False)

    await log_in(client)
    await log_in(client, password="wrong")
    await log_in(client, "nobody")
    await log_in(client, "carol")
    await client.post("/api/v1/auth/login", data={"username": "alice"})

    logins = "vestibule_logins_total"
    assert value(services, logins, result="success", type="none", cause="signed_in") == 1
    wrong = {"result": "failure", "type": "authentication_error"}
    assert value(services, logins, **wrong, cause="password") == 1
    assert value(services, logins, **wrong, cause="user_unknown") == 1
    assert value(services, logins, type="forbidden_error", cause="user_disabled") == 1
    assert value(services, logins, result="refused", type="validation_error") == 1
    assert value(services, logins) == 5
    assert value(services, "vestibule_events_total", event="login") == 5


async def test_the_password_grant_is_a_login_too(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()
    await world.client()
    form = {"grant_type": "password", "client_id": "portal", "username": "alice"}

    await client.post("/oauth2/token", data={**form, "password": "correct horse battery staple"})
    await client.post("/oauth2/token", data={**form, "password": "wrong"})

    assert value(services, "vestibule_logins_total", result="success") == 1
    assert value(services, "vestibule_logins_total", type="invalid_grant_error") == 1


async def test_tokens_are_counted_by_grant_and_introspections_by_answer(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()
    _, secret = await world.client(
        "api", kind=ClientKind.CONFIDENTIAL, grants=[Grant.PASSWORD, Grant.CLIENT_CREDENTIALS]
    )
    tokens = (await log_in(client)).json()
    await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    await client.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("api", secret)
    )

    for token in (tokens["access_token"], "no token", "none either"):
        await client.post("/oauth2/introspect", data={"token": token}, auth=("api", secret))

    issued = "vestibule_tokens_issued_total"
    assert value(services, issued, grant="password") == 1
    assert value(services, issued, grant="refresh_token") == 1
    assert value(services, issued, grant="client_credentials") == 1
    assert value(services, "vestibule_introspections_total", active="true") == 1
    assert value(services, "vestibule_introspections_total", active="false") == 2


async def test_requests_are_counted_by_template_and_made_up_methods_as_one(
    client: httpx.AsyncClient, services: Services
) -> None:
    await client.get("/api/v1/org/secret-project")
    await client.head("/api/v1/health")
    for path in ("/wp-login.php", "/api/v1/nothing"):
        await client.get(path)
    await client.request("BREW", "/api/v1/health")

    requests = "vestibule_http_requests_total"
    assert value(services, requests, route="/api/v1/org/{org}", method="GET", status="401") == 1
    assert value(services, requests, route="/api/v1/health", method="HEAD", status="200") == 1
    assert value(services, requests, route="none", status="404") == 2
    assert value(services, requests, method="other", status="405") == 1
    seconds = "vestibule_http_request_duration_seconds_count"
    assert value(services, seconds, route="/api/v1/org/{org}") == 1
    assert value(services, seconds) == 5


async def test_no_label_tells_of_a_person_an_organization_a_client_or_an_address(
    world: World, services: Services
) -> None:
    user = await world.user("zaphod")
    await world.org("heartofgold", user)
    await world.client("magrathea")
    async with make_client(services, address="203.0.113.77") as client:
        for scheme in ("http", "https"):
            await client.post(
                f"{scheme}://127.0.0.1/api/v1/auth/login?trillian=1",
                data={
                    "username": "zaphod", "password": "correct horse battery staple",
                    "client_id": "magrathea", "scope": "org:heartofgold",
                },
                headers={"User-Agent": "marvin/1.0"},
            )  # fmt: skip
        await client.get("/api/v1/org/heartofgold/ws/slartibartfast")

    told = text_of(services.metrics)

    assert value(services, "vestibule_logins_total", result="success") == 1
    for secret in (
        "zaphod", "heartofgold", "magrathea", "203.0.113", "trillian", "marvin", "slarti",
        user.id.hex, str(user.id),
    ):  # fmt: skip
        assert secret not in told


async def test_limits_are_counted_by_policy(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()

    answers = [(await log_in(client, password="wrong")).status_code for _ in range(8)]

    refused = answers.count(429)
    assert refused > 0
    assert value(services, "vestibule_limit_refusals_total") == refused
    assert value(services, "vestibule_logins_total", type="rate_limit_error") == refused


async def test_a_full_hashing_queue_is_seen(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()
    held = [services.pool.reserve() for _ in range(services.pool.capacity)]

    depth = value(services, "vestibule_hash_queue_depth")
    refused = await log_in(client)
    for reservation in held:
        reservation.release()

    assert depth == len(held) == value(services, "vestibule_hash_queue_capacity")
    assert refused.status_code == 429
    assert value(services, "vestibule_limit_refusals_total", policy="hashing") == 1
    assert value(services, "vestibule_hash_queue_depth") == 0


async def test_a_hash_is_measured_and_how_long_it_waited(
    clock: FakeClock, services: Services
) -> None:
    before = value(services, "vestibule_hash_seconds_count")
    with services.pool.reserve() as reservation:
        clock.advance(0.5)
        await reservation.run(lambda: clock.advance(0.25))

    assert value(services, "vestibule_hash_seconds_count") == before + 1
    assert value(services, "vestibule_hash_wait_seconds_sum") == pytest.approx(0.5)
    assert value(services, "vestibule_hash_seconds_sum") == pytest.approx(0.25)


async def test_units_are_measured_by_kind_and_those_not_done_are_counted(
    clock: FakeClock, services: Services
) -> None:
    def slow(_: Connection) -> None:
        clock.advance(0.2)

    def away(_: Connection) -> None:
        raise DatabaseUnavailable

    before = value(services, "vestibule_database_operation_seconds_sum", kind="read")
    await services.database.read(slow)
    for ask in (services.database.read, services.database.scan, services.database.write):
        with pytest.raises(DatabaseUnavailable):
            await ask(away)

    after = value(services, "vestibule_database_operation_seconds_sum", kind="read")
    assert after - before == pytest.approx(0.2)
    for kind in ("read", "scan", "write"):
        assert value(services, "vestibule_database_errors_total", kind=kind) == 1


async def test_the_local_directory_is_one_of_those_that_are_asked(
    world: World, client: httpx.AsyncClient, services: Services
) -> None:
    await world.user()

    await log_in(client)
    await log_in(client, "nobody")

    asked = "vestibule_directory_requests_total"
    assert value(services, asked, directory="local", operation="find", outcome="found") == 1
    assert value(services, asked, directory="local", operation="find", outcome="unknown") == 1
    assert value(services, asked, directory="local", operation="verify", outcome="right") == 1
    assert value(services, asked, directory="local", operation="verify", outcome="wrong") == 1
    assert value(services, "vestibule_directory_seconds_count", directory="local") == 4


async def test_what_strangers_leave_out_of_the_trail_is_counted(
    client: httpx.AsyncClient, services: Services
) -> None:
    for _ in range(70):
        await client.post("/api/v1/auth/login", data={"username": "x"})
    await services.audit.flush()

    left_out = value(services, "vestibule_audit_rows_left_out_total", reason="strangers")
    assert left_out > 0
    assert value(services, "vestibule_logins_total") == 70


async def test_the_age_of_the_signing_key_is_told(clock: FakeClock, services: Services) -> None:
    clock.advance(1000)

    assert value(services, "vestibule_signing_key_age_seconds") == pytest.approx(1000, abs=1)


async def test_two_applications_count_apart(services: Services) -> None:
    other = Metrics()

    services.metrics.refused("address")

    assert value(services, "vestibule_limit_refusals_total", policy="address") == 1
    assert value(other, "vestibule_limit_refusals_total", policy="address") == 0


def test_labels_without_end_would_become_one() -> None:
    metrics = Metrics()

    for n in range(3 * children.MOST):
        metrics.refused(f"policy{n}")

    assert text_of(metrics).count("vestibule_limit_refusals_total{") == children.MOST + 1
    total = value(metrics, "vestibule_limit_refusals_total")
    assert total == 3 * children.MOST


async def test_a_blocked_event_loop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "EVERY", 0.001)
    metrics = Metrics()
    looking = lag.LoopLag(metrics)
    looking.start()

    time.sleep(0.05)  # noqa: ASYNC251  (what blocks it)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looking.stop()

    assert value(metrics, "vestibule_event_loop_lag_seconds_sum") > 0.04
