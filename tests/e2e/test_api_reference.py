"""The interactive API reference in a real browser that reaches nobody but the service."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.e2e.browsing import TIMEOUT, chromium
from tests.e2e.server import Server


def test_it_draws_the_login_and_tries_it_without_asking_anybody_else(server: Server) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server.url}/docs")
        login = page.locator("#operations-Authentication-login")
        login.get_by_role("button", name="post /api/v1/auth/login", exact=False).first.click()

        expect(login).to_contain_text("Login with username and password")
        for status in ("400", "401", "403", "404", "409", "422", "426", "429", "500", "502", "504"):
            expect(login.locator(f'tr.response[data-code="{status}"]')).to_be_visible()
        login.get_by_role("button", name="Try it out").click()
        form = {
            "username": server.first["username"],
            "password": server.first["password"],
        }
        for name, value in form.items():
            login.locator(f'[data-property-name="{name}"] input').fill(value)
        with page.expect_response(f"{server.url}/api/v1/auth/login") as answer:
            login.get_by_role("button", name="Execute").click()

        assert answer.value.status == 200
        expect(login.locator(".live-responses-table")).to_contain_text("access_token")
        page.get_by_role("button", name="Authorize").first.click()
        expect(page.get_by_role("heading", name="Available authorizations")).to_be_visible()
        page.get_by_role("button", name="Close").first.click()
        for operation in page.locator(".opblock-summary-control").all()[:12]:
            operation.click()
        # A hint to whoever writes Swagger UI, about a field of its own.
        assert all("not contained in a form" in line for line in complaints), complaints
    origins = {urlsplit(url)._replace(path="", query="", fragment="").geturl() for url in asked}
    assert {origin for origin in origins if not origin.startswith("data:")} == {server.url}
