"""What administrators change in a real browser, and that it holds for everybody else."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import enter, heading, press, says, visiting, watched
from tests.e2e.server import PATIENT, Server
from tests.oauth.flows import TOKEN, basic, bearer
from tests.slapd import MANAGER, MANAGERS_PASSWORD, PASSWORD, PEOPLE, Slapd, person, slapd
from tests.world import LOGIN

ALARM = "rgb(163, 36, 24)"
"""By day."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    service = Server(tmp_path_factory.mktemp("acts") / "data", options=PATIENT)
    with service.running() as made:
        yield made


@pytest.fixture(scope="module")
def ldap() -> Iterator[Slapd]:
    with slapd(person("alice")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser, which must find nothing to complain of until the test ends."""
    with visiting(browser) as context, watched(context, "/admin") as opened:
        yield opened


def login(server: Server, **changes: str) -> httpx.Response:
    """Sign in as a program, as the first user if nobody else is named."""
    own = {name: server.first[name] for name in ("username", "password")}
    return httpx.post(f"{server.url}{LOGIN}", data={**own, **changes})


def is_let_in(server: Server, token: str) -> bool:
    answer = httpx.get(f"{server.url}/api/v1/user", headers=bearer(token))
    return answer.status_code == 200


def published(server: Server) -> list[str]:
    keys = httpx.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    return [key["kid"] for key in keys]


def test_keys_are_rotated_and_revoked(page: Page, server: Server) -> None:
    token = login(server).json()["access_token"]
    (former,) = published(server)
    enter(page, server, "/admin/keys")

    press(page, "Add a key")
    says(page)
    expect(page.get_by_role("row").filter(has_text=former)).to_contain_text("signs")
    rotated = published(server)
    before = is_let_in(server, token)
    # What does harm looks so.
    expect(page.get_by_role("button", name="Revoke")).to_have_css("color", ALARM)
    page.locator("[name=kid]").select_option(former)
    page.get_by_label("Its first eight characters, to be sure").fill("not these")
    press(page, "Revoke")
    expect(page.get_by_role("alert")).to_contain_text("Type the first eight characters")
    page.locator("[name=kid]").select_option(former)
    page.get_by_label("Its first eight characters, to be sure").fill(former[:8])
    press(page, "Revoke")
    says(page)

    assert len(rotated) == 2
    assert former not in published(server)
    assert (before, is_let_in(server, token)) == (True, False)
    assert is_let_in(server, login(server).json()["access_token"])


def test_the_trail_is_filtered_and_taken_out(page: Page, server: Server) -> None:
    login(server, password="wrong")
    enter(page, server, "/admin/audit")

    page.locator("summary").click()
    page.get_by_label("Event").fill("login")
    page.get_by_label("Result").select_option("failure")
    press(page, "Search")
    page.wait_for_url("**result=failure**")
    shown = page.get_by_role("row").count() - 1
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()

    rows = list(csv.DictReader(taken.value.path().read_text().splitlines()))
    assert {(row["event"], row["result"]) for row in rows} == {("login", "failure")}
    assert len(rows) == shown
    assert taken.value.suggested_filename == "audit.csv"


def test_a_client_is_changed_and_gets_a_new_secret(page: Page, server: Server) -> None:
    def may(secret: str) -> bool:
        answer = httpx.post(
            f"{server.url}{TOKEN}",
            data={"grant_type": "client_credentials"}, headers=basic("backend", secret),
        )  # fmt: skip
        return answer.status_code == 200

    enter(page, server, "/admin/clients/new")
    page.get_by_label("Id, by which it names itself").fill("backend")
    press(page, "Create")
    former = page.locator("#secret").inner_text()
    before = may(former)

    page.goto(f"{server.url}/admin/clients/backend")
    page.get_by_label("Name that people see").fill("Night shift")
    page.get_by_label("client_credentials").check()
    press(page, "Save")
    says(page, "Saved.")
    heading(page, "Night shift")
    changed = may(former)
    press(page, "Make a new secret")
    secret = page.locator("#secret").inner_text()

    assert (before, changed) == (False, True)
    assert (may(former), may(secret)) == (False, True)


def test_an_organization_is_suspended_and_resumed(page: Page, server: Server) -> None:
    enter(page, server, "/admin/organizations")
    page.locator("[name=key][required]").fill("acme")
    page.get_by_label("Name", exact=True).fill("Acme")
    press(page, "Create")
    says(page)
    before = login(server, scope="org:acme").status_code

    press(page, "Suspend Acme")
    page.get_by_role("button", name="Resume Acme").wait_for()
    suspended = login(server, scope="org:acme").status_code
    press(page, "Resume Acme")
    page.get_by_role("button", name="Suspend Acme").wait_for()

    assert (before, suspended) == (200, 403)
    assert login(server, scope="org:acme").status_code == 200


def test_a_directory_is_added_and_answers(page: Page, server: Server, ldap: Slapd) -> None:
    configuration = {
        "key": "corp",
        "name": "Acme Corporation",
        "domains": ["example.org"],
        "connection": {
            "kind": "ldap", "urls": [ldap.url], "ca_certificates": ldap.authorities,
            "bind_dn": MANAGER, "user_base": PEOPLE, "timeout": 20,
        },
    }  # fmt: skip
    enter(page, server, "/admin/directories/new")

    page.get_by_label("Configuration, as JSON").fill(json.dumps(configuration))
    page.get_by_label("Password or secret by which we sign in there").fill(MANAGERS_PASSWORD)
    press(page, "Add")
    heading(page, "Acme Corporation")
    press(page, "Test")

    expect(page.get_by_role("status")).to_contain_text("It answered within")
    assert MANAGERS_PASSWORD not in page.content()
    assert login(server, username="alice@example.org", password=PASSWORD).status_code == 200
