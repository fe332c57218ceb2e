"""What all pages share: files, brand, and the doorkeeper of the rooms."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import make_client
from tests.oauth.flows import hidden, sign_in_page
from tests.world import FakeClock, World
from vestibule.pages.static_files import FILES
from vestibule.settings import Settings
from vestibule.wiring import wire

pytestmark = pytest.mark.once
PACKAGES = Path(__file__).parent.parent / "e2e" / "openid_client" / "node_modules"
OF_OTHERS = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "pico.min.css": "@picocss/pico/css/pico.min.css",
}


async def inside(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """The page at this address, for somebody who has just signed in there."""
    answer = await sign_in_page(client, url)
    assert answer.status_code == 303
    return await client.get(answer.headers["location"])


@pytest.fixture
async def branded(
    settings: Settings, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    chosen = {"brand_name": "A & B <i>", "brand_logo": logo, "brand_color": "#8b1f5f"}
    services = wire(settings.model_copy(update=chosen), clock=clock)
    await services.keys.ensure()
    async with make_client(services) as made:
        yield made
    await services.close()


@pytest.mark.parametrize("name", sorted(OF_OTHERS))
def test_what_others_wrote_is_what_they_published(name: str) -> None:
    """Their packages are locked for the tests: a newer lock asks for the newer file."""
    ours = Path(__file__).parents[2] / "src" / "vestibule" / "pages" / "static" / name

    assert ours.read_bytes() == (PACKAGES / OF_OTHERS[name]).read_bytes()


@pytest.mark.parametrize("name", sorted(FILES))
async def test_a_file_comes_compressed_to_whoever_can_read_it(
    client: httpx.AsyncClient, name: str
) -> None:
    plain = await client.get(f"/static/{name}", headers={"Accept-Encoding": "identity"})
    async with client.stream(
        "GET", f"/static/{name}", headers={"Accept-Encoding": "gzip"}
    ) as small:
        raw = b"".join([part async for part in small.aiter_raw()])

    assert plain.status_code == small.status_code == 200
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    if len(plain.content) > 1000:
        assert small.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == plain.content
        assert small.headers["etag"] != plain.headers["etag"]
    for answer in (plain, small):
        again = await client.get(
            f"/static/{name}",
            headers={
                "If-None-Match": answer.headers["etag"],
                "Accept-Encoding": answer.headers.get("content-encoding", "identity"),
            },
        )
        assert (again.status_code, again.content) == (304, b"")


async def test_pages_show_the_brand(branded: httpx.AsyncClient) -> None:
    page = await branded.get("/forgotten")
    style = await branded.get("/static/brand.css")
    logo = await branded.get("/static/logo")

    assert "<title>Forgotten password · A &amp; B &lt;i&gt;</title>" in page.text
    assert 'src="/static/logo"' in page.text
    assert "#8b1f5f" in style.text
    # Opened by itself, a picture must not be a page that runs scripts at our origin.
    assert "sandbox" in logo.headers["content-security-policy"]
    assert logo.headers["content-type"].startswith("image/svg+xml")


async def test_without_a_logo_there_is_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/logo")).status_code == 404
    assert (await client.get("/static/brand.css")).content == b""


async def test_the_door_leads_to_the_account_and_the_account_asks_who_is_there(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()

    door = await client.get("/")
    asked = await client.get("/account")
    entered = await inside(client, "/account")

    assert (door.status_code, door.headers["location"]) == (303, "/account")
    assert "script-src" not in asked.headers["content-security-policy"]
    assert "Sign in to see your account." in asked.text
    assert "alice" in entered.text
    assert "script-src 'self'" in entered.headers["content-security-policy"]


async def test_a_form_that_comes_after_the_sign_in_has_ended_is_not_taken_for_done(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await inside(client, "/account")
    client.cookies.delete("vestibule")

    answer = await client.post("/account", data={"action": "anything", "form_token": "x"})

    assert answer.status_code == 401
    assert "Your sign-in has ended." in answer.text


async def test_signing_out_is_for_forms_of_ours(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    page = await inside(client, "/account")
    token = hidden(page.text, "form_token")

    forged = await client.post("/account", data={"action": "sign_out", "form_token": "0" * 64})
    assert forged.status_code == 403
    assert "alice" in (await client.get("/account")).text
    done = await client.post("/account", data={"action": "sign_out", "form_token": token})
    assert done.status_code == 303
    assert "Sign in to see your account." in (await client.get("/account")).text


async def test_administration_is_not_shown_to_others(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()

    assert "/admin" not in (await inside(client, "/account")).text
