"""What has failed is a page for a person, and the envelope for a program."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import make_client
from vestibule.pages.browser import Browser
from vestibule.wiring import Services

PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def is_page(answer: httpx.Response) -> bool:
    """One like every other, with nothing that a stranger could use."""
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text
    return answer.headers["content-type"] == "text/html; charset=utf-8"


def is_envelope(answer: httpx.Response) -> bool:
    return set(answer.json()) == {"code", "detail", "type"}


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("POST", 404)])
async def test_an_address_that_is_none(client: httpx.AsyncClient, method: str, status: int) -> None:
    by_person = await client.request(method, "/acount/<b>", headers=PERSON)
    by_program = await client.request(method, "/acount/<b>")

    assert by_person.status_code == by_program.status_code == 404
    assert is_page(by_person)
    assert "acount" not in by_person.text
    assert is_envelope(by_program)


async def test_a_way_that_a_page_is_not_asked(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/account", headers=PERSON)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert is_page(answer)


async def test_a_defect_behind_a_page_says_its_number_and_nothing_else(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("what a page rests on")

    monkeypatch.setattr(Browser, "visitor", broken)
    async with make_client(services) as client:
        answer = await client.get("/account", headers=PERSON)

    assert answer.status_code == 500
    assert is_page(answer)
    assert "rests" not in answer.text


async def test_it_speaks_the_language_of_the_person(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={**PERSON, "Accept-Language": "de"})

    assert answer.headers["content-language"] == "de"


@pytest.mark.parametrize(
    "address", ["/api/v1/nowhere", "/oauth2/nowhere", "/scim/v2/Nothing", "/.well-known/nothing"]
)
async def test_what_is_for_programs_stays_so_in_a_browser(
    client: httpx.AsyncClient, address: str
) -> None:
    answer = await client.get(address, headers=PERSON)

    assert answer.headers["content-type"].startswith("application/")
    assert "html" not in answer.text
