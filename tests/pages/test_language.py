"""Pages in the language of the person."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import sign_in_page
from tests.world import World
from vestibule.pages.language import LANGUAGES, accepted
from vestibule.pages.preferences import is_ours


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("de", ["de"]),
        ("en;q=0.5, de-CH;q=0.9, fr", ["fr", "de-CH", "en"]),
        ("de;q=0, en", ["en"]),
        ("*", ["*"]),
        ("", []),
        (";;,,;q=1", []),
        ("de;q=never", []),
        ("de;q=nan", []),
        ("de;q=1e999", []),
    ],
)
def test_accept_language_is_read_as_far_as_it_makes_sense(header: str, tags: list[str]) -> None:
    assert accepted(header) == tags


@pytest.mark.once
@pytest.mark.parametrize(
    ("headers", "query", "language", "title"),
    [
        ({}, "", "en", "Forgotten password"),
        ({"Accept-Language": "de-AT,de;q=0.8"}, "", "de", "Passwort vergessen"),
        ({"Accept-Language": "fr, xx"}, "", "en", "Forgotten password"),
        ({"Accept-Language": "en", "Cookie": "vestibule-language=de"}, "", "de",
         "Passwort vergessen"),
        ({"Accept-Language": "de", "Cookie": "vestibule-language=<b>"}, "", "de",
         "Passwort vergessen"),
        ({"Accept-Language": "de"}, "?ui_locales=fr+en", "en", "Forgotten password"),
    ],
)  # fmt: skip
async def test_a_page_speaks_the_best_language_that_there_is(
    client: httpx.AsyncClient, headers: dict[str, str], query: str, language: str, title: str
) -> None:
    page = await client.get(f"/forgotten{query}", headers=headers)

    assert page.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.text
    assert f"<h1>{title}</h1>" in page.text


@pytest.mark.once
async def test_who_chooses_a_language_stays_where_they_are_and_keeps_it(
    client: httpx.AsyncClient,
) -> None:
    chosen = await client.post("/language", data={"language": "de", "back": "/verify?token=x"})

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/verify?token=x")
    page = await client.get("/verify?token=x")
    assert page.headers["content-language"] == "de"
    assert 'name="back" value="/verify?token=x"' in page.text


@pytest.mark.once
async def test_no_other_language_is_remembered(client: httpx.AsyncClient) -> None:
    chosen = await client.post("/language", data={"language": "xx", "back": "/forgotten"})

    assert "set-cookie" not in chosen.headers


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("/", True),
        ("/account?done=x&y=//evil.example", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("", False),
        ("/\u00a0/evil.example", False),
    ],
)
def test_nobody_is_sent_elsewhere(address: str, ours: bool) -> None:
    assert is_ours(address) is ours


@pytest.mark.once
async def test_a_refused_sign_in_is_told_in_the_language_too(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    client.headers["Accept-Language"] = "de"

    page = await sign_in_page(client, "/account", password="not this one")

    assert "Benutzername oder Passwort ist falsch." in page.text
    assert list(LANGUAGES) == ["en", "de"]
