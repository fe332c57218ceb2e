"""Traces as a collector gets them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.conftest import make_client
from tests.e2e.server import Server
from tests.ports import free_port
from tests.tracing.collector import Collector, attributes, collecting
from tests.world import PASSWORD, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.settings import Settings
from vestibule.tracing import otel
from vestibule.wiring import Services, wire

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
UNSAMPLED = f"00-{TRACE}-{PARENT}-00"
LOGIN_SPAN = "POST /api/v1/auth/login"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@asynccontextmanager
async def traced(settings: Settings, collector: Collector, **options: Any) -> AsyncIterator[Traced]:
    """A service that sends its traces there; what it has to send is sent when it ends."""
    given = settings.model_copy(update={"otlp_endpoint": collector.url, **options})
    services = wire(given)
    await services.keys.ensure()
    async with make_client(services) as client:
        yield Traced(services, client)
    await services.close()


class Traced:
    def __init__(self, services: Services, client: httpx.AsyncClient) -> None:
        self.services = services
        self.client = client
        self.world = World(services)


async def test_a_login_is_a_trace_of_its_steps(settings: Settings, collector: Collector) -> None:
    async with traced(settings, collector) as service:
        await service.world.user()
        answer = await log_in(service.client)

    login = collector.span(LOGIN_SPAN)
    assert login.kind == Span.SPAN_KIND_SERVER
    assert login.status.code == Status.STATUS_CODE_UNSET
    assert attributes(login) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/api/v1/auth/login",
        "network.protocol.version": "1.1",
        "url.scheme": "http",
        "vestibule.request_id": answer.headers["x-request-id"],
    }
    steps = [span for span in collector.spans if span.name != LOGIN_SPAN]
    assert {span.trace_id for span in steps} == {login.trace_id}
    verify = collector.span("directory verify")
    assert verify.parent_span_id == login.span_id
    assert attributes(verify) == {"vestibule.directory": "local", "vestibule.outcome": "right"}
    hashed = collector.span("hash")
    assert hashed.parent_span_id == verify.span_id
    assert float(attributes(hashed)["vestibule.hash.wait"]) > 0
    (write,) = (span for span in steps if span.name == "database write")
    system = "postgresql" if settings.sqlalchemy_url.startswith("postgresql") else "sqlite"
    assert attributes(write) == {"db.operation.name": "write", "db.system.name": system}
    assert write.kind == Span.SPAN_KIND_CLIENT
    assert "database read" in {span.name for span in steps}


@pytest.mark.once
async def test_who_sends_them_is_told_apart(settings: Settings, collector: Collector) -> None:
    async with traced(settings, collector) as service:
        await service.client.get("/api/v1/health")

    (request,) = collector.requests
    (resource,) = request.resource_spans
    told = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert told["service.name"] == "vestibule"
    assert told["service.version"]
    assert told["service.instance.id"]
    assert collector.raw[0].startswith(b"/v1/traces\n")


@pytest.mark.once
async def test_nothing_that_was_typed_or_handed_out_is_sent(
    settings: Settings, collector: Collector
) -> None:
    secrets = [PASSWORD, "wrong horse", "zaphod", "beeblebrox", "heartofgold", "marvin/1.0"]
    async with traced(settings, collector) as service:
        user = await service.world.user("zaphod", email_address="zaphod@beeblebrox.example")
        await service.world.org("heartofgold", user)
        _, secret = await service.world.client("api", kind=ClientKind.CONFIDENTIAL)
        client = service.client
        client.headers["User-Agent"] = "marvin/1.0"
        tokens = (await log_in(client, "zaphod", scope="org:heartofgold")).json()
        await log_in(client, "zaphod@beeblebrox.example", "wrong horse")
        await client.get("/api/v1/user?token=inthequery", headers={"X-API-Key": "vst_nokey"})
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        await client.get("/api/v1/org/heartofgold", headers=bearer)
        await client.post("/oauth2/introspect", data={"token": "inabody"}, auth=("api", secret))
        started = (await client.post("/api/v1/auth/device/code")).json()
        await client.get(f"/api/v1/auth/device/code/{started['device_code']}")
        refresh = {"refresh_token": tokens["refresh_token"]}
        renewed = (await client.post("/api/v1/auth/refresh", json=refresh)).json()
        service.services.draining.begin()
    secrets += [
        tokens["access_token"], tokens["refresh_token"], renewed["access_token"],
        renewed["refresh_token"], secret, "inthequery", "inabody", "vst_nokey",
        started["device_code"], started["user_code"], user.id.hex, str(user.id), "127.0.0.1",
    ]  # fmt: skip

    sent = b"".join(collector.raw[1::2])
    assert len(collector.spans) > 20
    assert [secret for secret in secrets if secret.encode() in sent] == []


@pytest.mark.once
async def test_a_defect_is_told_by_its_class_alone(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the password is swordfish")

    async with traced(settings, collector) as service:
        await service.world.user()
        inner = service.services.database._database  # type: ignore[attr-defined]
        monkeypatch.setattr(inner, "read", broken)
        answer = await log_in(service.client)
        monkeypatch.undo()

    assert answer.status_code == 500
    login = collector.span(LOGIN_SPAN)
    assert login.status.code == Status.STATUS_CODE_ERROR
    assert attributes(login)["error.type"] == "500"
    failed = [span for span in collector.spans if span.name == "database read"]
    assert attributes(failed[-1])["error.type"] == "ZeroDivisionError"
    assert b"swordfish" not in b"".join(collector.raw)


@pytest.mark.once
async def test_a_strangers_trace_is_named_and_not_joined(
    settings: Settings, collector: Collector
) -> None:
    async with traced(settings, collector) as service:
        headers = {"traceparent": SAMPLED, "tracestate": "theirs=swordfish"}
        await service.client.get("/api/v1/health", headers=headers)

    span = collector.span("GET /api/v1/health")
    assert span.trace_id.hex() != TRACE
    assert span.parent_span_id == b""
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [(TRACE, PARENT)]
    assert b"swordfish" not in b"".join(collector.raw)


@pytest.mark.once
async def test_a_trusted_proxys_trace_goes_on_here(
    settings: Settings, collector: Collector
) -> None:
    proxy = (ip_network("127.0.0.1"),)
    async with traced(settings, collector, trusted_proxies=proxy) as service:
        await service.client.get("/api/v1/health", headers={"traceparent": SAMPLED})
        await service.client.get("/api/v1/config", headers={"traceparent": UNSAMPLED})
        await service.client.get("/api/v1/ready", headers={"traceparent": "rubbish"})

    span = collector.span("GET /api/v1/health")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert not span.links
    names = {span.name for span in collector.spans}
    assert "GET /api/v1/config" not in names
    assert "GET /api/v1/ready" in names


@pytest.mark.once
async def test_a_stranger_can_not_have_more_sampled_than_the_settings_say(
    settings: Settings, collector: Collector
) -> None:
    async with traced(settings, collector, otlp_sample_ratio=0.0) as service:
        for _ in range(5):
            await service.client.get("/api/v1/health", headers={"traceparent": SAMPLED})

    assert collector.spans == []


@pytest.mark.once
async def test_what_no_route_and_no_method_names_is_named_by_neither(
    settings: Settings, collector: Collector
) -> None:
    async with traced(settings, collector) as service:
        await service.client.request("BREW", "/coffee/swordfish")

    (span,) = collector.spans
    assert span.name == "_OTHER"
    assert "http.route" not in attributes(span)


@pytest.mark.once
async def test_a_collector_that_is_away_keeps_nobody_waiting(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with traced(settings, Collector(url=f"http://127.0.0.1:{free_port()}")) as service:
        await service.world.user()
        answer = await log_in(service.client)

    assert answer.status_code == 200


@pytest.mark.once
async def test_a_collector_that_says_nothing_holds_up_the_end_for_a_bounded_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otel, "CLOSE_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        collector = Collector(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with traced(settings, collector) as service:
            await service.client.get("/api/v1/health")
            began = time.monotonic()

        took = time.monotonic() - began

    assert 0.2 <= took < 5


def test_nothing_of_it_is_imported_where_it_is_off(tmp_path: Path) -> None:
    script = (
        "import sys; from vestibule.app import create_app; from vestibule.settings import Settings;"
        "create_app(Settings()); print(*sys.modules)"
    )
    environment = {"VESTIBULE_DATA_DIR": str(tmp_path)}

    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    # FastAPI itself needs OpenTelemetry's API, which is small.
    costly = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "vestibule.tracing.otel")
    assert [name for name in ran.stdout.split() if name.startswith(costly)] == []
    assert "vestibule.tracing.spans" in ran.stdout.split()


def test_log_lines_name_their_trace(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    # Which the framework would take for a wish to send traces, metrics and logs of its own.
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    server = Server(tmp_path / "data").start()
    form = {"username": server.first["username"], "password": server.first["password"]}

    answer = httpx.post(f"{server.url}/api/v1/auth/login?q=inthequery", data=form)
    code = server.stop()

    lines = [json.loads(line) for line in server.log.splitlines()]
    of_login = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert code == 0
    assert {line["event"] for line in of_login} == {"request", "login"}
    login = collector.span(LOGIN_SPAN)
    assert {line["trace_id"] for line in of_login} == {login.trace_id.hex()}
    assert next(line for line in lines if line["event"] == "stopped").get("trace_id") is None
    sent = b"".join(collector.raw)
    assert server.first["password"].encode() not in sent
    assert b"inthequery" not in sent
    assert all(head.startswith(b"/v1/traces\n") for head in collector.raw[::2])


@pytest.mark.parametrize("wrong", ["localhost:4318", "http://user:secret@host:4318", "ftp://x"])
def test_a_collector_is_an_address_without_credentials(wrong: str) -> None:
    with pytest.raises(ValueError, match="http://host:4318") as refused:
        Settings(otlp_endpoint=wrong)

    assert "secret@" not in str(refused.value)
