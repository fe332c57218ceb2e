"""The ways into an account that lead over a letter or another directory, in a real browser."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import (
    DESKTOP,
    PHONE,
    Scheme,
    heading,
    press,
    sign_in_as,
    toured,
    visiting,
    watched,
)
from tests.e2e.furnishing import furnished
from tests.e2e.letterbox import Letterbox, letterbox
from tests.e2e.server import PATIENT, Server
from tests.oauth.flows import AUTHORIZE, bearer
from tests.world import LOGIN, PASSWORD, World
from vestibule.clients.models import ClientKind, Grant

NEW = "four wading herons at dusk"
CLIENT = "another-vestibule"
ANN = "ann@corp.example"
WITH_SCRIPTS_AND_WITHOUT = pytest.mark.parametrize(
    ("scripts", "username"), [(True, "bob"), (False, "carol")]
)
PEOPLE = ("bob", "carol", "dave", "light", "dark")


@dataclass(frozen=True)
class Site:
    """A service that mails."""

    server: Server
    elsewhere: str
    """The address of another service, which knows people for it."""
    box: Letterbox

    def url(self, path: str) -> str:
        return f"{self.server.url}{path}"

    def admits(self, username: str, password: str) -> bool:
        """Whether the password signs in."""
        form = {"username": username, "password": password}
        return httpx.post(self.url(LOGIN), data=form).status_code == 200

    def invitation(self, username: str) -> str:
        """The link of a fresh invitation, as it is mailed."""
        own = {name: self.server.first[name] for name in ("username", "password")}
        token = httpx.post(self.url(LOGIN), data=own).json()["access_token"]
        made = httpx.post(
            self.url("/api/v1/org/main/invitations"),
            json={"email_address": f"{username}@example.org"}, headers=bearer(token),
        )  # fmt: skip
        assert made.status_code == 201, made.text
        return self.box.link(to=f"{username}@example.org")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("recovery")
    with ExitStack() as stack:
        box = stack.enter_context(letterbox())
        upstream = Server(folder / "upstream")
        # Another host than ours: cookies do not tell ports apart.
        elsewhere = f"http://localhost:{upstream.port}"
        upstream.options = {**PATIENT, "issuer": elsewhere}
        started(stack, upstream)
        here = Server(folder / "here")
        peopled(upstream, ANN)
        secret = client_at(upstream, f"{here.url}/login/directory/corp/callback")
        directory = {
            "key": "corp", "name": "Acme Corporation", "domains": ["corp.example"],
            "connection": {
                "kind": "oidc", "issuer": elsewhere, "client_id": CLIENT,
                "client_secret": secret, "timeout": 20,
            },
        }  # fmt: skip
        here.options = {**PATIENT, **box.options, "directories": json.dumps([directory])}
        started(stack, here)
        peopled(here, *(f"{name}@example.org" for name in PEOPLE))
        yield Site(here, elsewhere, box)


def started(stack: ExitStack, server: Server) -> Server:
    """A service that runs until the tests end."""
    stack.callback(lambda: server.process and server.stop(signal.SIGKILL))
    return server.start()


def peopled(server: Server, *addresses: str) -> None:
    """Let there be people of these addresses."""

    async def make(world: World) -> None:
        for address in addresses:
            await world.user(address.partition("@")[0], email_address=address)

    furnished(server, make)


def client_at(upstream: Server, callback: str) -> str:
    """Make the other service know us; the secret that proves us there."""

    async def make(world: World) -> str:
        _, secret = await world.client(
            CLIENT, kind=ClientKind.CONFIDENTIAL, first_party=True,
            grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[callback],
            scopes=["openid", "profile", "email"],
        )  # fmt: skip
        return secret

    return furnished(upstream, make)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser, which must find nothing to complain of until the test ends."""
    with visiting(browser) as context, watched(context, AUTHORIZE) as opened:
        yield opened


# What people do there


@WITH_SCRIPTS_AND_WITHOUT
def test_an_address_is_verified_by_a_letter(
    browser: Browser, site: Site, scripts: bool, username: str
) -> None:
    with visiting(browser, java_script_enabled=scripts) as context, watched(context) as page:
        page.goto(site.url("/account"))
        sign_in_as(page, username, PASSWORD)
        expect(page.locator(".badge")).to_have_text("not verified")
        press(page, "Send the letter again")
        expect(page.get_by_role("status")).to_contain_text("A letter with a link is on its way")

        page.goto(site.box.link(to=f"{username}@example.org"))
        press(page, "Yes, verify it")
        heading(page, "Your address is verified")
        page.get_by_role("link", name="To your account").click()

        expect(page.locator(".badge")).to_have_text("verified")


@WITH_SCRIPTS_AND_WITHOUT
def test_an_invitation_is_accepted_by_whoever_signs_in(
    browser: Browser, site: Site, scripts: bool, username: str
) -> None:
    link = site.invitation(username)
    with visiting(browser, java_script_enabled=scripts) as context, watched(context) as page:
        page.goto(link)
        sign_in_as(page, username, PASSWORD)
        heading(page, "Join Main?")
        press(page, "Yes, join")
        heading(page, "Welcome to Main")

        page.goto(site.url("/account/organizations"))
        expect(page.get_by_role("link", name="Main")).to_be_visible()


@WITH_SCRIPTS_AND_WITHOUT
def test_a_forgotten_password_is_replaced_by_a_letter(
    browser: Browser, site: Site, scripts: bool, username: str
) -> None:
    with visiting(browser, java_script_enabled=scripts) as context, watched(context) as page:
        page.goto(site.url("/account"))
        page.get_by_role("link", name="Forgotten password?").click()
        page.get_by_label("Username or e-mail address").fill(username)
        press(page, "Send the link")
        heading(page, "Look into your mail")

        page.goto(site.box.link(to=f"{username}@example.org"))
        page.get_by_label("New password").fill(NEW)
        press(page, "Change the password")
        heading(page, "Your password is changed")
        page.get_by_role("link", name="To your account").click()
        sign_in_as(page, username, NEW)

        heading(page, "Profile")
        assert not site.admits(username, PASSWORD)


def test_the_keyboard_alone_brings_a_new_password(page: Page, site: Site) -> None:
    page.goto(site.url("/account"))
    expect(page.get_by_label("Username or e-mail address")).to_be_focused()
    tab_to(page, "Forgotten password?")
    page.keyboard.press("Enter")
    heading(page, "Forgotten password")
    expect(page.get_by_label("Username or e-mail address")).to_be_focused()
    page.keyboard.type("dave@example.org")
    page.keyboard.press("Enter")
    heading(page, "Look into your mail")

    page.goto(site.box.link(to="dave@example.org"))
    expect(page.get_by_label("New password")).to_be_focused()
    page.keyboard.type(NEW)
    page.keyboard.press("Enter")
    heading(page, "Your password is changed")
    tab_to(page, "To your account")
    page.keyboard.press("Enter")
    heading(page, "Sign in")
    expect(page.get_by_label("Username or e-mail address")).to_be_focused()
    page.keyboard.type("dave")
    page.keyboard.press("Tab")
    page.keyboard.type(NEW)
    page.keyboard.press("Enter")

    heading(page, "Profile")
    assert not site.admits("dave", PASSWORD)


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the link of this text has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == text:
            return
    raise AssertionError(f"Tab does not lead to {text!r}")


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_signs_in_through_their_organization(
    browser: Browser, site: Site, scripts: bool
) -> None:
    with visiting(browser, java_script_enabled=scripts) as context, watched(context) as page:
        leave(page, site)
        page.wait_for_url(f"{site.elsewhere}/**")
        sign_in_as(page, "ann", PASSWORD)

        page.wait_for_url(site.url("/account"))
        heading(page, "Profile")
        expect(page.get_by_text("Acme Corporation answers for your account")).to_be_visible()


def test_who_does_not_sign_in_there_is_not_signed_in_here(page: Page, site: Site) -> None:
    leave(page, site)
    page.wait_for_url(f"{site.elsewhere}/**")
    sign_in_as(page, "ann", "wrong")
    page.get_by_role("alert").wait_for()

    page.goto(site.url("/account"))

    heading(page, "Sign in")


def leave(page: Page, site: Site) -> None:
    """Ask on our sign-in page to sign in elsewhere."""
    page.goto(site.url("/account"))
    page.get_by_label("Username or e-mail address").fill(ANN)
    press(page, "Sign in through your organization")


# Every page


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_every_page_is_accessible_and_fits_and_is_light(
    browser: Browser, site: Site, scheme: Scheme, size: tuple[int, int]
) -> None:
    problems = toured(browser, lambda page: walk(page, site, scheme), scheme=scheme, size=size)

    assert problems == []


def walk(page: Page, site: Site, username: str) -> Iterator[str]:
    """Open every page there is, and name it."""
    address = f"{username}@example.org"
    page.goto(site.url("/account"))
    yield "sign-in-with-directory"
    # The page sends the browser on at once; it stays where there is nothing to see.
    page.route(f"{site.elsewhere}/**", lambda route: route.fulfill(status=204))
    leave(page, site)
    heading(page, "Sign in through Acme Corporation")
    yield "directory"
    page.goto(site.url("/forgotten"))
    yield "forgotten"
    page.get_by_label("Username or e-mail address").fill(username)
    press(page, "Send the link")
    heading(page, "Look into your mail")
    yield "forgotten-answer"
    reset = site.box.link(to=address)
    page.goto(site.url("/account"))
    sign_in_as(page, username, PASSWORD)
    press(page, "Send the letter again")
    expect(page.get_by_role("status")).to_be_visible()
    yield "account-unverified"
    page.goto(site.box.link(to=address))
    yield "verify"
    press(page, "Yes, verify it")
    heading(page, "Your address is verified")
    yield "verify-answer"
    page.goto(site.invitation(username))
    press(page, "Yes, join")
    heading(page, "Welcome to Main")
    yield "invitation-accepted"
    page.goto(site.url("/admin"))
    heading(page, "Access forbidden")
    yield "room-forbidden"
    page.goto(reset)
    yield "reset"
    page.get_by_label("New password").fill(username)
    press(page, "Change the password")
    page.get_by_role("alert").wait_for()
    yield "reset-refused"
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    heading(page, "Your password is changed")
    yield "reset-answer"
    page.goto(reset)
    heading(page, "Not found")
    yield "reset-used"
