"""The pages in a real browser: what a person does there, and what the browser thinks of them.

Screenshots of all of them are kept in the folder that VESTIBULE_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from joserfc import jws
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from tests.e2e.browsing import (
    DESKTOP,
    PHONE,
    TIMEOUT,
    Scheme,
    heading,
    press,
    sign_in,
    sign_in_as,
    toured,
    visiting,
    watched,
)
from tests.e2e.furnishing import SCOPES, add_members, enter_by_default, furnished
from tests.e2e.server import PATIENT, Server
from tests.oauth.flows import AUTHORIZE, Pkce, authorization_query, bearer, query_of
from tests.world import LOGIN, World
from vestibule.clients.models import ClientKind, Grant

DEVICE = "/login/device"
BOB = "three gliding herons at noon"


# What they stand on


@dataclass(frozen=True)
class Site:
    """A service, a client that people come from, and devices that wait."""

    server: Server
    callback: str

    def authorize(self, client_id: str = "portal", **changes: str) -> str:
        """Where the client sends a browser."""
        query = authorization_query(
            client_id, Pkce(),
            **{"redirect_uri": self.callback, "scope": "openid profile email", **changes},
        )  # fmt: skip
        return f"{self.server.url}{AUTHORIZE}?{query}"

    @property
    def device_page(self) -> str:
        return f"{self.server.url}{DEVICE}"

    def device(self) -> dict[str, Any]:
        """A device login that has begun."""
        answer = httpx.post(
            f"{self.server.url}/api/v1/auth/device/code",
            json={"scope": "openid profile offline_access"},
            headers={"User-Agent": "vestibule-cli/1.0 (Linux; x86_64)"},
        )
        started: dict[str, Any] = answer.json()
        return started

    def state(self, started: dict[str, Any]) -> httpx.Response:
        """What the device is told."""
        return httpx.get(f"{self.server.url}/api/v1/auth/device/code/{started['device_code']}")

    def change_device(self, started: dict[str, Any], assignment: str) -> None:
        """Do what only time or another network could."""
        file = self.server.data / "vestibule.db"
        with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as database:
            changed = database.execute(
                f"UPDATE device_logins SET {assignment} WHERE user_code = ?",
                [started["user_code"].replace("-", "")],
            )
            assert changed.rowcount == 1

    def expire(self, started: dict[str, Any]) -> None:
        self.change_device(started, "expires_at = created_at")

    def invitation(self, email_address: str) -> str:
        """The link of a fresh invitation to that address."""
        own = {"username": self.server.first["username"], "password": self.server.first["password"]}
        token = httpx.post(f"{self.server.url}{LOGIN}", data=own).json()["access_token"]
        made = httpx.post(
            f"{self.server.url}/api/v1/org/main/invitations",
            json={"email_address": email_address}, headers=bearer(token),
        )  # fmt: skip
        return f"{self.server.url}/invitation?token={made.json()['token']}"


class Callback(BaseHTTPRequestHandler):
    """The client's own web server."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang=en><title>Back at the portal</title>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{listener.server_port}/callback"
    server = Server(
        tmp_path_factory.mktemp("pages") / "data",
        options={
            "limit_user_codes": "1000/hour", "limit_devices": "1000/minute",
            **PATIENT,
        },
    )  # fmt: skip
    try:
        server.start()
        furnish(server, callback)
        yield Site(server, callback)
    finally:
        server.stop(signal.SIGKILL)
        listener.shutdown()
        listener.server_close()


def furnish(server: Server, callback: str) -> None:
    """Make the clients, another person, and a second organization of the first."""

    async def make(world: World) -> None:
        for client_id, details in (
            ("portal", {"name": "Acme Portal"}),
            ("house", {"first_party": True}),
        ):
            await world.client(
                # A public client of this machine has to ask each time (RFC 8252 §8.6).
                client_id, kind=ClientKind.CONFIDENTIAL, scopes=SCOPES,
                grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[callback], **details,
            )  # fmt: skip
        await world.user("bob", password=SecretStr(BOB))
        await world.org("acme", name="Acme Limited")
        await add_members(world, "acme", "admin")
        await enter_by_default(world, "admin", "main")

    furnished(server, make)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser, which must find nothing to complain of until the test ends."""
    with visiting(browser) as context, watched(context, AUTHORIZE, DEVICE) as opened:
        yield opened


def signed_in_at(page: Page, site: Site, url: str) -> None:
    page.goto(url)
    sign_in(page, site.server)


# Signing in


def test_a_wrong_password_is_told_and_the_right_one_goes_on(page: Page, site: Site) -> None:
    page.goto(site.device_page)

    sign_in(page, site.server, password="wrong")
    told = page.get_by_role("alert")
    expect(told).to_have_text("The username or the password is wrong.")
    kept = page.get_by_label("Username or e-mail address").input_value()
    typed = page.get_by_label("Password").input_value()
    expect(page.get_by_label("Password")).to_be_focused()
    sign_in(page, site.server)

    heading(page, "Connect a device")
    assert (kept, typed) == ("admin", "")


def test_the_browser_goes_all_the_way_to_a_client_of_the_house(page: Page, site: Site) -> None:
    # CSP's form-action is enforced on every redirect that follows a form.
    signed_in_at(page, site, site.authorize("house"))

    page.wait_for_url(f"{site.callback}?**")
    assert page.title() == "Back at the portal"
    assert query_of(page.url)["state"] == "xyz"


def test_somebody_else_can_sign_in_instead(page: Page, site: Site) -> None:
    signed_in_at(page, site, site.authorize())
    heading(page, "Let Acme Portal in?")

    press(page, "Not you?")
    heading(page, "Sign in")
    sign_in_as(page, "bob", BOB)

    heading(page, "Let Acme Portal in?")
    expect(page.get_by_text("Signed in as")).to_contain_text("bob")


# Which organization


def test_an_organization_is_chosen_by_the_keyboard(page: Page, site: Site) -> None:
    signed_in_at(page, site, site.authorize("house", prompt="select_account"))
    heading(page, "Choose an organization")

    page.get_by_label("Main").focus()
    page.keyboard.press("ArrowUp")
    chosen = page.get_by_label("Acme Limited").is_checked()
    passed = [tab(page) for _ in range(2)]
    page.keyboard.press("Enter")

    page.wait_for_url(f"{site.callback}?**")
    assert chosen
    assert passed == ["from_now_on", "choose"]
    assert query_of(page.url).keys() == {"code", "state", "iss"}


# Consent


def test_yes_sends_a_code_to_the_client_and_is_not_asked_again(page: Page, site: Site) -> None:
    signed_in_at(page, site, site.authorize())
    heading(page, "Let Acme Portal in?")
    meanings = page.get_by_role("listitem").all_inner_texts()

    press(page, "Yes, let it in")
    page.wait_for_url(f"{site.callback}?**")
    answer = query_of(page.url)
    page.goto(site.authorize())
    page.wait_for_url(f"{site.callback}?**")

    assert "See your name and username" in meanings
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["iss"] == site.server.url
    assert query_of(page.url)["code"] != answer["code"]


def test_no_sends_the_refusal_to_the_client(page: Page, site: Site) -> None:
    signed_in_at(page, site, site.authorize(prompt="consent"))

    press(page, "No")

    page.wait_for_url(f"{site.callback}?**")
    assert query_of(page.url)["error"] == "access_denied"
    assert query_of(page.url)["state"] == "xyz"


def test_an_unknown_address_of_a_client_is_told_here_and_never_followed(
    page: Page, site: Site
) -> None:
    answer = page.goto(site.authorize(redirect_uri="https://evil.example/callback"))

    assert answer is not None
    assert answer.status == 400
    heading(page, "Invalid request")
    assert page.url.startswith(site.server.url)


# Devices


def test_a_typed_code_is_approved(page: Page, site: Site) -> None:
    started = site.device()
    signed_in_at(page, site, site.device_page)

    page.get_by_label("Code").fill(started["user_code"].replace("-", " ").lower())
    press(page, "Go on")
    expect(page.get_by_label("Code")).to_have_text(started["user_code"])
    page.get_by_label("Organization").select_option(label="Acme Limited")
    press(page, "Yes, let it sign in")

    heading(page, "The device is signed in")
    assert site.state(started).json()["status"] == "authorized"
    asked = {"device_code": started["device_code"]}
    tokens = httpx.post(f"{site.server.url}/api/v1/auth/device/token", json=asked).json()
    claims = jws.extract_compact(tokens["access_token"].encode()).payload
    assert json.loads(claims)["org_key"] == "acme"


def test_a_code_in_the_link_is_refused(page: Page, site: Site) -> None:
    started = site.device()
    signed_in_at(page, site, started["verification_uri_complete"])

    press(page, "No, refuse it")

    heading(page, "Refused")
    assert site.state(started).status_code == 403


def test_wrong_and_expired_codes_are_told_alike(page: Page, site: Site) -> None:
    started = site.device()
    site.expire(started)
    signed_in_at(page, site, site.device_page)

    for code in ("BCDF-GHJK", "what?", started["user_code"]):
        page.get_by_label("Code").fill(code)
        press(page, "Go on")

        expect(page.get_by_role("alert")).to_have_text("This code is not known, or has expired.")
        expect(page.get_by_label("Code")).to_have_value(code)


def test_a_yes_that_comes_too_late_lets_nothing_in(page: Page, site: Site) -> None:
    started = site.device()
    signed_in_at(page, site, started["verification_uri_complete"])
    heading(page, "Let a device sign in?")
    site.expire(started)

    press(page, "Yes, let it sign in")

    heading(page, "Not found")
    assert site.state(started).json()["type"] == "expired_token_error"


def test_the_keyboard_alone_is_enough(page: Page, site: Site) -> None:
    started = site.device()
    page.goto(site.device_page)

    expect(page.get_by_label("Username or e-mail address")).to_be_focused()
    page.keyboard.type(site.server.first["username"])
    page.keyboard.press("Tab")
    page.keyboard.type(site.server.first["password"])
    page.keyboard.press("Enter")
    heading(page, "Connect a device")
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(started["user_code"])
    page.keyboard.press("Enter")
    heading(page, "Let a device sign in?")
    passed = [tab(page) for _ in range(3)]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")

    heading(page, "The device is signed in")
    # Where Enter does harm comes last, and where it stands is seen.
    assert passed == ["org", "refuse", "approve"]
    assert outline == "solid"


def tab(page: Page) -> Any:
    """The value of the button that the next Tab leads to, or the name of the field."""
    page.keyboard.press("Tab")
    return page.evaluate(
        "(({type, name, value}) => type == 'submit' ? value : name)(document.activeElement)"
    )


def test_nothing_needs_javascript(browser: Browser, site: Site) -> None:
    started = site.device()
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()

    signed_in_at(page, site, site.authorize(prompt="select_account consent"))
    page.get_by_label("Acme Limited").check()
    press(page, "Go on")
    press(page, "Yes, let it in")
    page.wait_for_url(f"{site.callback}?**")
    page.goto(started["verification_uri_complete"])
    press(page, "Yes, let it sign in")
    heading(page, "The device is signed in")

    assert site.state(started).json()["status"] == "authorized"
    context.close()


# Every page in every look


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_every_page_is_accessible_and_fits_and_is_light(
    browser: Browser, site: Site, scheme: Scheme, size: tuple[int, int]
) -> None:
    problems = toured(browser, lambda page: walk(page, site), scheme=scheme, size=size)

    assert problems == []


def walk(page: Page, site: Site) -> Iterator[str]:
    """Open every page there is, and name it."""
    page.goto(site.authorize(prompt="consent"))
    yield "sign-in"
    sign_in(page, site.server, password="wrong")
    page.get_by_role("alert").wait_for()
    yield "sign-in-wrong"
    sign_in(page, site.server)
    heading(page, "Let Acme Portal in?")
    yield "consent"
    page.goto(site.authorize(prompt="select_account"))
    sign_in(page, site.server)
    heading(page, "Choose an organization")
    yield "choose-organization"
    page.goto(site.device_page)
    yield "device-code"
    page.goto(f"{site.device_page}?code=BCDF-GHJK")
    yield "device-code-wrong"
    started = site.device()
    page.goto(started["verification_uri_complete"])
    yield "device"
    site.change_device(started, "address = '2001:db8:85a3:8d3:1319:8a2e:370:7348'")
    page.reload()
    page.get_by_role("note").wait_for()
    yield "device-elsewhere"
    press(page, "Yes, let it sign in")
    heading(page, "The device is signed in")
    yield "device-approved"
    page.goto(site.device()["verification_uri_complete"])
    press(page, "No, refuse it")
    heading(page, "Refused")
    yield "device-refused"
    page.goto(site.authorize("nobody"))
    yield "error"
    page.goto(site.invitation("somebody@example.org"))
    yield "invitation-of-another"
    press(page, "Not you?")
    sign_in_as(page, "bob", BOB)
    heading(page, "Nothing to accept")
    page.goto(site.invitation("bob@example.org"))
    heading(page, "Join Main?")
    yield "invitation"
    press(page, "Not now")
    heading(page, "Not now")
    yield "invitation-not-now"
