"""Names that would be scripts, in a real browser: shown, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Page, expect

from tests.e2e.browsing import QUICK, TIMEOUT, chromium, heading, press, sign_in
from tests.e2e.server import Server
from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query
from tests.world import LOGIN
from vestibule.clients.models import Grant

HOSTILE = (
    "\"'><svg/onload=alert(1)></title></textarea><script>alert(2)</script>"
    "<img/src/onerror=alert(3)>"
)
EVE = "three gliding herons at noon"
CONSENT = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
FOREIGN = """
() => [...document.querySelectorAll(
  "script, svg, img, iframe, object, embed, base, [onload], [onerror], a[href^='javascript']"
)].filter((element) => !(
  element.matches("script[src^='/static/'], svg.chart, img[src^='/static/']")
)).map((element) => element.outerHTML)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("hostile") / "data").running() as made:
        furnish(made)
        yield made


def furnish(server: Server) -> None:
    """Give everything that has a name the same one."""
    commands = [
        ["client", "create", "portal", "--name", HOSTILE, "--redirect-uri", CALLBACK,
         "--grant", Grant.AUTHORIZATION_CODE],
        ["user", "create", HOSTILE, "--first-name", HOSTILE, "--last-name", HOSTILE],
        ["org", "create", "acme", "--name", HOSTILE],
    ]  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda words: server.cli(*words, stdin=EVE), commands))
    for username in (server.first["username"], HOSTILE):
        server.cli("org", "add-member", "acme", username, "--role", "owner")
    own = {name: server.first[name] for name in ("username", "password")}
    signed = httpx.post(f"{server.url}{LOGIN}", data=own, headers={"User-Agent": HOSTILE})
    assert signed.status_code == 200


@pytest.fixture
def page() -> Iterator[Page]:
    """A page on which no script may run that is not ours, and none be tried."""
    with chromium() as browser:
        context = browser.new_context()
        context.set_default_timeout(TIMEOUT)
        opened = context.new_page()
        complaints: list[str] = []

        def answer(dialog: Dialog) -> None:
            complaints.append(dialog.message)
            dialog.dismiss()

        opened.on("dialog", answer)

        # A policy that had to hold something back is a complaint, too: it is the second lock.
        def listen(message: ConsoleMessage) -> None:
            if message.text != QUICK:
                complaints.append(message.text)

        opened.on("console", listen)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
        context.close()
        assert complaints == []


def assert_only_shown(page: Page) -> None:
    """See that the name is on the page, and no element that it would have made."""
    shown = page.locator("body").inner_text() + page.title()
    typed = page.locator("input, textarea").evaluate_all("found => found.map((one) => one.value)")
    assert HOSTILE in shown or HOSTILE in typed, page.url
    assert page.evaluate(FOREIGN) == [], page.url


def test_names_that_would_be_scripts_are_shown_and_run_nothing(
    page: Page, server: Server, tmp_path: Path
) -> None:
    page.goto(f"{server.url}{CONSENT}")
    assert_only_shown(page)  # who is asked to sign in is told for which client
    sign_in(page, server)
    heading(page, "Choose an organization")
    assert_only_shown(page)
    page.get_by_role("radio").first.check()
    press(page, "Go on")
    expect(page.get_by_role("button", name="Yes, let it in")).to_be_visible()
    assert_only_shown(page)

    for path in (
        "/account/sessions", "/account/organizations", "/account/keys/new", "/organizations/acme",
        "/organizations/acme/members", "/organizations/acme/invitations",
        "/organizations/acme/provisioning", "/admin/users", "/admin/organizations",
        "/admin/clients", "/admin/clients/portal",
    ):  # fmt: skip
        page.goto(f"{server.url}{path}")
        assert_only_shown(page)

    # What a script of ours fetches and lays into the page.
    page.goto(f"{server.url}/admin/users")
    page.get_by_role("searchbox").press_sequentially(HOSTILE[:12])
    expect(page).to_have_url(re.compile("search="))
    expect(page.locator("#found tbody tr")).to_have_count(1)
    assert_only_shown(page)
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert_only_shown(page)

    file = tmp_path / "'><img src onerror=alert(5)>.csv"
    file.write_text(f"username\n{HOSTILE}2\nno name!\n")
    page.goto(f"{server.url}/admin/users/import")
    page.get_by_label("File").set_input_files(file)
    press(page, "Import")
    expect(page.locator("#import .done")).to_have_text("Done.")
    assert file.name in page.locator("h1").inner_text()
    assert page.evaluate(FOREIGN) == []
