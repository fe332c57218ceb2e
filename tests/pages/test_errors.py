"""What fails before or behind a page is a page for a person, and the envelope for a program."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import make_client
from tests.oauth.flows import AUTHORIZE
from vestibule.pages.browser import Browser
from vestibule.pages.rendering import Pages
from vestibule.wiring import Services

PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DEFECT = {"code": 500, "detail": "Internal server error", "type": "internal_error"}


def is_page(answer: httpx.Response) -> bool:
    """One like every other, with nothing that a stranger could use."""
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text
    return answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("what a page rests on")

    monkeypatch.setattr(Browser, "visitor", broken)


@pytest.mark.usefixtures("defect")
@pytest.mark.parametrize("path", ["/account", f"{AUTHORIZE}?client_id=x"])
async def test_a_defect_behind_a_page_says_its_number_and_nothing_else(
    services: Services, path: str
) -> None:
    async with make_client(services) as client:
        by_person = await client.get(path, headers=PERSON)
        by_program = await client.get(path)

    assert by_person.status_code == by_program.status_code == 500
    assert is_page(by_person)
    assert "rests" not in by_person.text
    assert by_program.json()["type"] == "internal_error"


@pytest.mark.usefixtures("defect")
async def test_a_defect_of_the_page_itself_is_told_in_the_envelope(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(Pages, "page", broken)
    async with make_client(services) as client:
        answer = await client.get("/account", headers=PERSON)

    assert answer.status_code == 500
    assert answer.json() == DEFECT
    assert answer.headers["x-request-id"]


async def test_a_form_that_is_too_large_is_refused_on_a_page(client: httpx.AsyncClient) -> None:
    answer = await client.post("/account", content=b"x" * 2_000_000, headers=PERSON)

    assert 400 <= answer.status_code < 500
    assert is_page(answer)


async def test_it_speaks_the_language_of_the_person(client: httpx.AsyncClient) -> None:
    headers = {**PERSON, "Accept-Language": "de"}
    answer = await client.post("/account", content=b"x" * 2_000_000, headers=headers)

    assert answer.headers["content-language"] == "de"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/account", 405),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/oauth2/nowhere", 404),
        ("GET", "/scim/v2/Nothing", 404),
        ("GET", "/.well-known/nothing", 404),
    ],
)
async def test_elsewhere_it_is_the_envelope_in_a_browser_too(
    client: httpx.AsyncClient, method: str, address: str, status: int
) -> None:
    answer = await client.request(method, address, headers=PERSON)

    assert answer.status_code == status
    assert {"code", "detail", "type"} <= set(answer.json())
