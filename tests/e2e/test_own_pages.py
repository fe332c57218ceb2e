"""The pages of one's own account and organizations, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pydantic import SecretStr

from tests.e2e.browsing import (
    DESKTOP,
    PHONE,
    TIMEOUT,
    Scheme,
    enter,
    heading,
    press,
    says,
    sign_in_as,
    toured,
    visiting,
    watched,
)
from tests.e2e.furnishing import SCOPES, add_members, enter_by_default, furnished
from tests.e2e.server import PATIENT, Server
from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query, bearer
from tests.world import LOGIN, World
from vestibule.clients.models import ClientKind, Grant

BOB = "three gliding herons at noon"
NEW = "four wading herons at dusk"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0"
LONG = "The very long and winding name of an organization without any end that is in sight"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    service = Server(tmp_path_factory.mktemp("own") / "data", options=PATIENT)
    with service.running() as made:
        furnish(made)
        yield made


def furnish(server: Server) -> None:
    """Make other people, another organization, a client, and sessions elsewhere."""

    async def make(world: World) -> None:
        await world.client(
            "portal", name="Acme Portal", kind=ClientKind.CONFIDENTIAL, scopes=SCOPES,
            grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK],
        )  # fmt: skip
        for username in ("bob", "carol"):
            await world.user(username, password=SecretStr(BOB))
        await world.org("acme", name=LONG)
        await add_members(world, "acme", "admin")
        await enter_by_default(world, "admin", "main")
        await add_members(world, "main", "bob", "carol")

    furnished(server, make)
    for agent in (FIREFOX, "vestibule-cli/1.0 (Linux; x86_64)"):
        httpx.post(f"{server.url}{LOGIN}", data=own(server), headers={"User-Agent": agent})
    httpx.post(f"{server.url}{LOGIN}", data={**own(server), "password": "wrong"})


def own(server: Server) -> dict[str, str]:
    return {name: server.first[name] for name in ("username", "password")}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with visiting(browser) as made:
        yield made


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of a fresh browser, which must find nothing to complain of until the test ends."""
    with watched(context, "/account", "/organizations") as opened:
        yield opened


def enter_as(page: Page, server: Server, path: str, username: str, password: str) -> None:
    """The same as somebody else."""
    page.goto(f"{server.url}{path}")
    sign_in_as(page, username, password)


def opens(server: Server, secret: str) -> bool:
    answer = httpx.get(f"{server.url}/api/v1/user", headers=bearer(secret))
    return answer.status_code == 200


# What people do there


def test_a_key_is_made_and_copied_and_revoked(
    page: Page, context: BrowserContext, server: Server
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter(page, server, "/account/keys")

    press(page, "Make a key")
    page.get_by_label("Name").fill("nightly backup")
    page.get_by_label("Organization").select_option(label=LONG)
    press(page, "Make the key")
    heading(page, "Your new API key")
    secret = page.locator("#secret").inner_text()
    press(page, "Copy")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    opened = opens(server, secret)
    page.goto(f"{server.url}/account/keys")
    page.get_by_label("Revoke: nightly backup", exact=True).click()
    page.get_by_role("button", name="Yes, revoke it: nightly backup").click()

    says(page, "The key is revoked.")
    assert copied == secret
    assert opened
    assert not opens(server, secret)


def test_the_keyboard_alone_is_enough(page: Page, server: Server) -> None:
    enter(page, server, "/account/keys")
    heading(page, "API keys")

    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.textContent")
    tab_to(page, "Make a key")
    page.keyboard.press("Enter")
    heading(page, "Make an API key")
    tab_to(page, "name")
    page.keyboard.type("by hand")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    heading(page, "Your new API key")
    secret = page.locator("#secret").inner_text()
    tab_to(page, "To your keys")
    page.keyboard.press("Enter")
    heading(page, "API keys")
    tab_to(page, "Revoke: by hand")
    page.keyboard.press("Enter")
    tab_to(page, "Yes, revoke it: by hand")
    page.keyboard.press("Enter")

    says(page, "The key is revoked.")
    assert skip == "Skip to the content"
    assert outline == "solid"
    assert not opens(server, secret)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(e => [e.name, e.getAttribute('aria-label'), e.textContent.trim()])"
            "(document.activeElement)"
        )
        if name in focused:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_a_new_password_is_the_one_that_signs_in(page: Page, server: Server) -> None:
    enter_as(page, server, "/account/password", "bob", BOB)

    page.get_by_label("Current password").fill("not this one")
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    expect(page.get_by_role("alert")).to_have_text("The current password is wrong.")
    expect(page.get_by_label("Current password")).to_be_focused()
    page.get_by_label("Current password").fill(BOB)
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    says(page, "Your password is changed. You are signed out everywhere else.")
    press(page, "Sign out")
    enter_as(page, server, "/account", "bob", NEW)

    heading(page, "Profile")


def test_nothing_needs_javascript(browser: Browser, server: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()

    enter(page, server, "/account")
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Last name").fill("Lovelace")
    press(page, "Save")
    says(page, "Your name is changed.")
    page.goto(f"{server.url}/account/keys/new")
    page.get_by_label("Name").fill("without a script")
    press(page, "Make the key")
    secret = page.locator("#secret").inner_text()
    expect(page.get_by_text("Copy", exact=True)).to_be_hidden()
    assert opens(server, secret)
    page.get_by_role("link", name="Organizations", exact=True).click()
    page.get_by_role("link", name="Main").click()
    page.get_by_role("link", name="Members").click()
    page.get_by_label("Role: carol").select_option("admin")
    press(page, "Change: carol")
    says(page, "The role is changed.")
    page.get_by_label("Remove: carol", exact=True).click()
    press(page, "Yes, remove them: carol")
    says(page, "The member is removed.")
    page.get_by_role("link", name="Invitations").click()
    page.get_by_label("E-mail address").fill("carol@example.org")
    press(page, "Invite")
    expect(page.locator("#secret")).to_contain_text("/invitation?token=")
    press(page, "Withdraw: carol@example.org")
    says(page, "The invitation is withdrawn.")
    context.close()


# Every page in every look


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_every_page_is_accessible_and_fits_and_is_light(
    browser: Browser, server: Server, scheme: Scheme, size: tuple[int, int]
) -> None:
    problems = toured(browser, lambda page: walk(page, server), scheme=scheme, size=size)

    assert problems == []


def back_at_the_client(route: Route) -> None:
    route.fulfill(content_type="text/html", body="<!doctype html><title>Back</title>")


def walk(page: Page, server: Server) -> Iterator[str]:
    """Open every page there is, and name it."""
    page.route(f"{CALLBACK}**", back_at_the_client)
    let_in(page, server)
    page.goto(f"{server.url}/account")
    heading(page, "Profile")
    yield "account-profile"
    page.goto(f"{server.url}/account/password")
    page.get_by_label("Current password").fill("not this one")
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    page.get_by_role("alert").wait_for()
    yield "account-password-wrong"
    page.goto(f"{server.url}/account/sessions")
    yield "account-sessions"
    page.goto(f"{server.url}/account/keys/new")
    yield "account-new-key"
    page.get_by_label("Name").fill("a key with a name that is long enough to be broken")
    press(page, "Make the key")
    heading(page, "Your new API key")
    yield "account-made-key"
    page.goto(f"{server.url}/account/keys")
    page.locator("summary").first.click()
    yield "account-keys"
    page.goto(f"{server.url}/account/organizations")
    page.locator("summary").last.click()
    yield "account-organizations"
    page.goto(f"{server.url}/account/programs")
    expect(page.get_by_text("Acme Portal")).to_be_visible()
    yield "account-programs"
    page.goto(f"{server.url}/account/activity")
    yield "account-activity"
    page.goto(f"{server.url}/organizations/acme")
    heading(page, LONG)
    yield "organization"
    page.goto(f"{server.url}/organizations/main/members")
    page.locator("summary").first.click()
    yield "organization-members"
    page.goto(f"{server.url}/organizations/main/invitations")
    page.get_by_label("E-mail address").fill("somebody.with.a.long.name@mail.example.org")
    press(page, "Invite")
    page.locator("#secret").wait_for()
    yield "organization-invitations"
    yield from provisioning(page, server)
    page.goto(f"{server.url}/organizations/main/activity")
    heading(page, "Activity in Main")
    page.locator("summary").first.click()
    yield "organization-activity"
    page.goto(f"{server.url}/organizations/nowhere")
    yield "organization-unknown"


def provisioning(page: Page, server: Server) -> Iterator[str]:
    """Let an identity provider in, which brings a group."""
    page.goto(f"{server.url}/organizations/main/provisioning/new")
    page.get_by_label("Name").fill("The directory of the whole company, for all of its people")
    yield "organization-new-token"
    press(page, "Make the token")
    heading(page, "The new token")
    yield "organization-made-token"
    bring_group(server, page.locator("#secret").inner_text(), f"Staff {uuid4()}")
    page.goto(f"{server.url}/organizations/main/provisioning")
    page.locator("summary").first.click()
    yield "organization-provisioning"


def bring_group(server: Server, token: str, name: str) -> None:
    """As an identity provider does."""
    httpx.post(
        f"{server.url}/scim/v2/Groups",
        json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name},
        headers=bearer(token),
    ).raise_for_status()


def let_in(page: Page, server: Server) -> None:
    """Sign in, and let a client in."""
    query = authorization_query("portal", Pkce(), scope="openid profile email", prompt="consent")
    enter(page, server, f"{AUTHORIZE}?{query}")
    press(page, "Yes, let it in")
    page.wait_for_url(f"{CALLBACK}?**")
