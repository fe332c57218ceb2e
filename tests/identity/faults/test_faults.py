"""What a login is told when the directory behind it breaks, by real broken servers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.identity.broken import FAILURES, broken
from tests.identity.fakes import directory
from tests.identity.ldap.conftest import configuration
from tests.slapd import MANAGERS_PASSWORD, PASSWORD, person, slapd
from tests.world import FakeClock, World, log_in
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

TYPES = {502: "bad_gateway_error", 504: "gateway_timeout_error"}
SECRET = "a password that is to be found nowhere"
QUICK, PATIENT = 0.4, 20
"""Seconds: of a directory that is not to answer, and of one that is."""


async def services_with(
    settings: Settings, clock: FakeClock, connection: dict[str, Any], **fields: Any
) -> Services:
    configured = directory(connection=connection, suffixes=["#corp"], **fields)
    text = SecretStr(json.dumps([configured]))
    services = wire(settings.model_copy(update={"directories": text}), clock=clock)
    await services.keys.ensure()
    return services


def connection_to(kind: str, url: str, authority: str | None, *, timeout: float) -> dict[str, Any]:
    common = {"timeout": timeout, "ca_certificates": authority}
    if kind == "ldap":
        plain = {"start_tls": False, "insecure": True}
        return {"kind": "ldap", "urls": [url], "user_base": "dc=x", **plain, **common}
    return {
        "kind": "oidc", "issuer": url, "client_id": "us", "password_grant": True, **common,
    }  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("kind", ["ldap", "oidc"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_each_failure_is_told_rightly_and_in_time(
    settings: Settings,
    clock: FakeClock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    failure: str,
) -> None:
    status = FAILURES[failure]
    timeout = QUICK if status == 504 else PATIENT
    async with broken(failure, kind, tmp_path) as (url, authority):
        connection = connection_to(kind, url, authority, timeout=timeout)
        services = await services_with(settings, clock, connection)
        world = World(services)
        await world.user("alice")
        async with make_client(services) as client, asyncio.timeout(20):
            response = await log_in(client, "ann#corp", SECRET)
            # Whoever the directory does not know is not held up by it.
            local = await log_in(client, "alice")
        await services.close()

    assert response.status_code == status
    assert response.json()["code"] == status
    assert response.json()["type"] == TYPES[status]
    assert local.status_code == 200
    written = "".join(capsys.readouterr())
    assert "directory failed" in written
    assert SECRET not in response.text + written


@pytest.mark.once
async def test_a_directory_that_restarts_under_load_is_found_again(
    settings: Settings, clock: FakeClock
) -> None:
    with slapd(*(person(f"p{number}") for number in range(40))) as server:
        plain = configuration(server, group_base=None).model_dump(mode="json")
        plain |= {"bind_password": MANAGERS_PASSWORD, "timeout": PATIENT}
        services = await services_with(
            settings, clock, plain, breaker_failures=100, max_concurrent=100
        )
        async with make_client(services) as client:

            async def everybody() -> Counter[int]:
                answers = await asyncio.gather(
                    *(log_in(client, f"p{number}#corp", PASSWORD) for number in range(20))
                )
                return Counter(answer.status_code for answer in answers)

            before = await everybody()
            under_way = asyncio.create_task(everybody())
            server.stop()
            without = await everybody()
            server.start()
            after = await everybody()
            meanwhile = await under_way
        await services.close()

    assert before == after == {200: 20}
    assert without == {502: 20}
    assert set(meanwhile) <= {200, 502}
    assert meanwhile.total() == 20
