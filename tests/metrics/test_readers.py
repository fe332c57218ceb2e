"""Who may read `/metrics`."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain
from pydantic import SecretStr

from tests.conftest import make_client
from tests.world import FakeClock
from vestibule.settings import Settings
from vestibule.wiring import wire

pytestmark = pytest.mark.once

TOKEN = "a token of over twenty characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
THROUGH = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
PROXY = {"trusted_proxies": (ip_network("127.0.0.1"), ip_network("10.0.0.1"))}
PUBLIC = {"issuer": "https://id.example.org"}
NEAR = {"metrics_networks": (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))}
WITH_TOKEN = {"metrics_token": TOKEN}


async def status_of(
    settings: Settings, options: dict[str, Any], address: str, headers: dict[str, str]
) -> int:
    given = Settings.model_validate({**settings.model_dump(), **options})
    services = wire(given, clock=FakeClock())
    async with make_client(services, address=address) as client:
        answer = await client.get("/metrics", headers=headers)
    await services.close()
    if answer.status_code == 404:
        assert answer.json() == {"code": 404, "detail": "Not found", "type": "not_found_error"}
    return answer.status_code


@pytest.mark.parametrize(
    ("options", "address", "headers", "status"),
    [
        # By default this machine, and whoever comes through a proxy is not on it.
        ({}, "127.0.0.1", {}, 200),
        ({}, "::1", {}, 200),
        ({}, "::ffff:127.0.0.1", {}, 200),
        ({}, "192.0.2.1", {}, 404),
        ({}, "127.0.0.1", THROUGH, 404),
        ({}, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ({}, "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ({}, "127.0.0.1", {"Via": "1.1 proxy"}, 404),
        ({}, "192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        # An https address comes of a proxy: until it is named, nobody is known to be near.
        (PUBLIC, "127.0.0.1", {}, 404),
        (PUBLIC | PROXY, "127.0.0.1", {}, 200),
        (PUBLIC | PROXY, "127.0.0.1", THROUGH, 404),
        (PUBLIC | PROXY, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}, 404),
        (PUBLIC | PROXY, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        # Networks stand in its place.
        (NEAR, "10.1.2.3", {}, 200),
        (NEAR, "fd00::1", {}, 200),
        (NEAR, "11.1.2.3", {}, 404),
        (NEAR, "127.0.0.1", {}, 404),
        (NEAR, "10.1.2.3", THROUGH, 404),
        (NEAR | PROXY, "10.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 200),
        (NEAR | PROXY, "10.0.0.1", THROUGH, 404),
        # A token is asked for wherever the request comes from; in the clear it is refused.
        (WITH_TOKEN, "127.0.0.1", {}, 404),
        (WITH_TOKEN, "127.0.0.1", BEARER, 200),
        (WITH_TOKEN, "127.0.0.1", {"Authorization": f"bearer {TOKEN}"}, 200),
        (WITH_TOKEN, "127.0.0.1", {"Authorization": f"Basic {TOKEN}"}, 404),
        (WITH_TOKEN, "127.0.0.1", {"Authorization": f"Bearer {TOKEN[:-1]}"}, 404),
        (WITH_TOKEN, "127.0.0.1", {"Authorization": "Bearer"}, 404),
        (WITH_TOKEN, "192.0.2.1", BEARER, 426),
        (WITH_TOKEN | PROXY, "10.0.0.1", BEARER | THROUGH, 200),
        # Both where both are set.
        (WITH_TOKEN | NEAR | PROXY, "10.0.0.1", BEARER | THROUGH, 404),
        (WITH_TOKEN | NEAR, "10.1.2.3", {}, 404),
        (WITH_TOKEN | NEAR, "10.1.2.3", BEARER, 200),
        (WITH_TOKEN | NEAR, "192.0.2.1", BEARER, 404),
    ],
)
async def test_metrics_are_for_those_who_are_named(
    settings: Settings,
    options: dict[str, Any],
    address: str,
    headers: dict[str, str],
    status: int,
) -> None:
    assert await status_of(settings, options, address, headers) == status


async def test_a_token_that_is_no_text_is_wrong_and_no_defect(settings: Settings) -> None:
    given = settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    services = wire(given, clock=FakeClock())
    async with make_client(services) as client:
        answer = await client.get("/metrics", headers=[(b"authorization", b"Bearer \xff\xfe")])
    await services.close()

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("text/html, */*", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("application/openmetrics-text; version=rubbish", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0;" * 100, "application/openmetrics-text"),
    ],
)
async def test_the_form_is_the_one_that_is_asked_for(
    settings: Settings, accept: str, media_type: str
) -> None:
    services = wire(settings, clock=FakeClock())
    async with make_client(services) as client:
        answer = await client.get("/metrics", headers={"Accept": accept})
    await services.close()

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["cache-control"] == "no-store"
    parse = text_string_to_metric_families if "openmetrics" in media_type else plain
    assert "vestibule_hash_threads" in {family.name for family in parse(answer.text)}


async def test_it_is_no_part_of_the_contract(settings: Settings) -> None:
    services = wire(settings, clock=FakeClock())
    async with make_client(services) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    await services.close()

    assert "/metrics" not in document["paths"]
    assert "503" in document["paths"]["/api/v1/ready"]["get"]["responses"]
