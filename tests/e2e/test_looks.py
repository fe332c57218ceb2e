"""The pages in the colours of somebody else, and in German, in a real browser."""

from __future__ import annotations

import random
import signal
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import DESKTOP, PHONE, Scheme, toured
from tests.e2e.server import Server
from vestibule.settings.branding import LARGEST_LOGO

NAME = "Acme Identity"
COLORS: dict[Scheme, str] = {"light": "#7a1f5c", "dark": "#f2a7d8"}
GERMAN = {
    "/account": "Profil",
    "/account/password": "Passwort",
    "/account/sessions": "Sitzungen",
    "/account/keys": "API-Schlüssel",
    "/account/keys/new": "API-Schlüssel anlegen",
    "/account/organizations": "Organisationen",
    "/account/programs": "Programme",
    "/account/activity": "Aktivität",
    "/organizations/main": "Main",
    "/organizations/main/members": "Mitglieder von Main",
    "/organizations/main/invitations": "Einladungen zu Main",
    "/organizations/main/provisioning": "Bereitstellung von Main",
    "/organizations/main/provisioning/new": "Token für einen Identitätsanbieter erstellen",
    "/login/device": "Gerät verbinden",
    "/admin": "Übersicht",
    "/admin/users": "Benutzer",
    "/admin/users/new": "Neuer Benutzer",
    "/admin/users/import": "Benutzer importieren",
    "/admin/organizations": "Alle Organisationen",
    "/admin/clients/new": "Neuer Client",
    "/admin/directories/new": "Neues Verzeichnis",
    "/admin/keys": "Signaturschlüssel",
    "/admin/audit": "Protokoll",
}
"""Headings of pages for whoever is signed in, by path."""


def picture(file: Path, *, side: int = 128) -> Path:
    """A PNG that can't be made smaller: a logo can't be larger than this."""
    noise = random.Random(1)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("looks")
    logo = picture(folder / "logo.png")
    assert 0.95 * LARGEST_LOGO < logo.stat().st_size <= LARGEST_LOGO
    made = Server(
        folder / "data",
        options={
            "brand_name": NAME, "brand_logo": str(logo),
            "brand_color": COLORS["light"], "brand_color_dark": COLORS["dark"],
        },
    )  # fmt: skip
    try:
        yield made.start()
    finally:
        made.stop(signal.SIGKILL)


def enter(page: Page, server: Server) -> None:
    """Sign in, in whatever language the page has."""
    page.locator("[name=username]").fill(server.first["username"])
    page.locator("[name=password]").fill(server.first["password"])
    page.locator("[name=password]").press("Enter")


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_the_pages_wear_the_brand(
    browser: Browser, server: Server, scheme: Scheme, size: tuple[int, int]
) -> None:
    def walk(page: Page) -> Iterator[str]:
        page.goto(f"{server.url}/account")
        button = page.get_by_role("button", name="Sign in")
        red, green, blue = bytes.fromhex(COLORS[scheme][1:])
        expect(button).to_have_css("background-color", f"rgb({red}, {green}, {blue})")
        wears_the_brand(page)
        yield "brand-sign-in"
        enter(page, server)
        for path in (
            "/account",
            "/admin",
            "/admin/users/new",
            "/login/device",
            "/organizations/nowhere",
        ):
            page.goto(f"{server.url}{path}")
            wears_the_brand(page)
            yield f"brand{path.replace('/', '-')}"

    assert toured(browser, walk, scheme=scheme, size=size) == []


def wears_the_brand(page: Page) -> None:
    """The name and the logo are there."""
    assert page.title().endswith(f" · {NAME}")
    expect(page.locator(".brand")).to_contain_text(NAME)
    assert page.locator(".brand img").evaluate("img => img.naturalWidth") == 128


def test_the_pages_speak_german_on_a_phone(browser: Browser, server: Server) -> None:
    headings: dict[str, str] = {}

    def walk(page: Page) -> Iterator[str]:
        page.goto(f"{server.url}/forgotten")
        expect(page.get_by_role("heading", level=1)).to_have_text("Passwort vergessen")
        yield "german-forgotten"
        page.goto(f"{server.url}/account")
        expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")
        yield "german-sign-in"
        enter(page, server)
        expect(page.get_by_role("heading", level=1)).to_have_text("Profil")
        for path in GERMAN:
            page.goto(f"{server.url}{path}")
            expect(page.locator("html")).to_have_attribute("lang", "de")
            headings[path] = page.get_by_role("heading", level=1).inner_text()
            # What moves it there is a script, which no page has that asks for a password.
            if path.startswith(("/account", "/admin")) and page.locator("script").count():
                expect(page.locator(".rooms [aria-current]")).to_be_in_viewport(ratio=0.5)
            yield f"german{path.replace('/', '-')}"

    assert toured(browser, walk, scheme="dark", size=PHONE, locale="de-DE") == []
    assert headings == GERMAN
