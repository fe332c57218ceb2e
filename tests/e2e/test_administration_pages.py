"""The pages of administration, in a real browser."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import (
    DESKTOP,
    PHONE,
    TIMEOUT,
    Scheme,
    enter,
    heading,
    press,
    says,
    toured,
    visiting,
    watched,
)
from tests.e2e.server import PATIENT, Server
from tests.world import LOGIN

LONG = "The very long and winding name of something without any end that is in sight"
NEW = "four wading herons at dusk"
DIRECTORY = {
    "key": "corp",
    "name": LONG,
    "domains": ["corp.example"],
    "connection": {
        "kind": "ldap", "urls": ["ldaps://127.0.0.1:1"], "timeout": 1,
        "user_base": "ou=people,dc=example,dc=org",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    service = Server(tmp_path_factory.mktemp("administration") / "data", options=PATIENT)
    with service.running() as made:
        people = made.data.parent / "people.jsonl"
        people.write_text("".join(f'{{"username": "person{n:03}"}}\n' for n in range(120)))
        made.cli("user", "import", str(people))
        own = {name: made.first[name] for name in ("username", "password")}
        for password in (own["password"], "wrong"):
            httpx.post(f"{made.url}{LOGIN}", data={**own, "password": password})
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser, which must find nothing to complain of until the test ends."""
    with visiting(browser) as context, watched(context, "/admin") as opened:
        yield opened


# What administrators do there


def test_people_are_found_while_a_name_is_typed(page: Page, server: Server) -> None:
    enter(page, server, "/admin/users")
    expect(page.get_by_role("link", name="person000")).to_be_visible()

    page.get_by_role("searchbox").press_sequentially("person11")

    expect(page).to_have_url(re.compile("search=person11$"))
    expect(page.get_by_role("link", name="person119")).to_be_visible()
    expect(page.get_by_role("link", name="person000")).to_have_count(0)
    page.get_by_role("link", name="person119").click()
    heading(page, "person119")


def test_the_overview_follows_what_happens(page: Page, server: Server) -> None:
    page.clock.install()
    enter(page, server, "/admin")
    before = page.locator(".legend .failure").inner_text()

    httpx.post(f"{server.url}{LOGIN}", data={"username": "nobody", "password": "at all"})
    page.clock.fast_forward("00:05")

    # Without being asked again, which it is every five seconds.
    expect(page.locator(".legend .failure")).not_to_have_text(before, timeout=TIMEOUT)


def test_a_file_is_imported_while_one_looks_on(page: Page, server: Server, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("username\n" + "".join(f"new{n}\n" for n in range(2000)) + "no name!\n")
    enter(page, server, "/admin/users/import")

    page.get_by_label("File").set_input_files(people)
    press(page, "Import")

    expect(page.locator("#import .done")).to_have_text("Done.")
    expect(page.get_by_text("Line 2002")).to_be_visible()
    expect(page.get_by_text("2000", exact=True)).to_be_visible()


def test_all_of_it_is_done_without_a_script(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()

    enter(page, server, "/admin/users")
    page.get_by_role("searchbox").fill("person007")
    press(page, "Search")
    page.get_by_role("link", name="person007").click()
    press(page, "Disable")
    says(page)
    press(page, "Enable")
    says(page)
    page.get_by_label("New password").fill(NEW)
    press(page, "Set, and end all sessions")
    says(page)
    answer = httpx.post(f"{server.url}{LOGIN}", data={"username": "person007", "password": NEW})
    assert answer.status_code == 200
    people = tmp_path / "people.csv"
    people.write_text("username\nwithout-a-script\n")
    page.goto(f"{server.url}/admin/users/import")
    page.get_by_label("File").set_input_files(people)
    press(page, "Import")
    expect(page.locator("#import .done")).to_be_visible()  # the page asks again by itself
    context.close()


def test_a_client_is_made_and_its_secret_copied_by_keyboard_alone(
    browser: Browser, server: Server
) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    enter(page, server, "/admin/clients/new")
    heading(page, "New client")

    tab_to(page, "client_id")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    page.locator("#secret").wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.copy") == "secret":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#secret").inner_text()
    context.close()


def tab_to(page: Page, name: str) -> None:
    """Go on by the keyboard until a field of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"the keyboard does not get to {name}")


# Every page in every look


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_every_page_is_accessible_and_fits_and_is_light(
    browser: Browser, server: Server, scheme: Scheme, size: tuple[int, int]
) -> None:
    problems = toured(
        browser,
        lambda page: walk(page, server, key=f"{scheme}-{size[0]}"),
        scheme=scheme,
        size=size,
    )

    assert problems == []


def walk(page: Page, server: Server, *, key: str) -> Iterator[str]:
    """Open every page there is, and name it."""
    enter(page, server, "/admin")
    heading(page, "Overview")
    yield "admin-overview"
    page.goto(f"{server.url}/admin/users")
    yield "admin-users"
    page.goto(f"{server.url}/admin/users/new")
    yield "admin-user-new"
    page.get_by_label("Username").fill("person001")
    press(page, "Create")
    page.get_by_role("alert").wait_for()
    yield "admin-user-new-refused"
    page.goto(f"{server.url}/admin/users?search=admin")
    page.locator("main").get_by_role("link", name="admin", exact=True).click()
    heading(page, "admin")
    yield "admin-user"
    page.goto(f"{server.url}/admin/users/import")
    page.get_by_label("File").set_input_files(
        {"name": "x.csv", "mimeType": "text/csv", "buffer": b"username\nno name!\n"}
    )
    press(page, "Import")
    page.locator("#import .done").wait_for()
    yield "admin-import"
    never_end(server, import_id=page.url.rpartition("/")[2])
    page.reload()
    expect(page.get_by_text("Read so far: 50 %")).to_be_visible()
    yield "admin-import-running"
    page.goto(f"{server.url}/admin/users/import")
    yield "admin-imports"
    page.goto(f"{server.url}/admin/organizations")
    page.locator("[name=key][required]").fill(key)
    page.get_by_label("Name", exact=True).fill(LONG)
    press(page, "Create")
    says(page)
    yield "admin-organizations"
    page.goto(f"{server.url}/admin/clients/new")
    page.get_by_label("Id, by which it names itself").fill(key)
    page.get_by_label("Name that people see").fill(LONG)
    yield "admin-client-new"
    press(page, "Create")
    page.locator("#secret").wait_for()
    yield "admin-client-secret"
    page.goto(f"{server.url}/admin/clients")
    yield "admin-clients"
    page.goto(f"{server.url}/admin/clients/{key}")
    yield "admin-client"
    page.goto(f"{server.url}/admin/directories/new")
    configuration = {**DIRECTORY, "key": key, "domains": [f"{key}.example"]}
    page.get_by_label("Configuration, as JSON").fill(json.dumps(configuration, indent=2))
    yield "admin-directory-new"
    press(page, "Add")
    heading(page, LONG)
    press(page, "Test")
    page.get_by_role("alert").wait_for()
    yield "admin-directory-refused"
    page.goto(f"{server.url}/admin/directories")
    yield "admin-directories"
    page.goto(f"{server.url}/admin/keys")
    yield "admin-keys"
    page.goto(f"{server.url}/admin/audit")
    yield "admin-audit"
    page.goto(f"{server.url}/admin/audit?user=nobody")
    page.get_by_role("alert").wait_for()
    yield "admin-audit-refused"


def never_end(server: Server, *, import_id: str) -> None:
    """Let an import be half way for as long as one looks at it."""
    file = server.data / "vestibule.db"
    with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as database:
        changed = database.execute(
            "UPDATE user_imports SET ended_at = NULL, position = file_size / 2,"
            " seen_at = '2999-12-31 00:00:00.000000' WHERE id = ?",
            [UUID(import_id).hex],
        )
        assert changed.rowcount == 1
