"""The interactive reference at `/docs`: its headers, its files, and that it can be switched off."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import make_client
from tests.world import FakeClock
from vestibule.pages.api_reference import FILES
from vestibule.settings import Settings
from vestibule.wiring import wire

pytestmark = pytest.mark.once


async def test_no_script_runs_but_files_of_ours(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("name", sorted(FILES))
async def test_what_it_loads_is_here(client: httpx.AsyncClient, name: str) -> None:
    page = await client.get("/docs")
    loaded = await client.get(f"/docs/{name}")

    assert f'"/docs/{name}"' in page.text
    assert loaded.status_code == 200
    assert loaded.headers["content-type"].startswith(FILES[name])
    assert loaded.headers["content-encoding"] == "gzip"


async def test_a_setting_switches_it_off(settings: Settings, clock: FakeClock) -> None:
    services = wire(settings.model_copy(update={"api_reference": False}), clock=clock)
    async with make_client(services) as client:
        answers = [await client.get(path) for path in ("/docs", *(f"/docs/{f}" for f in FILES))]
    await services.close()

    assert {answer.status_code for answer in answers} == {404}
