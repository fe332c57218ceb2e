"""A real browser, and what a person does in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.server import Server

CHROMIUM = which("chromium") or which("chromium-browser")
TIMEOUT = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def sign_in(page: Page, server: Server, *, password: str | None = None) -> None:
    """Fill in the sign-in page as the first user, and send it."""
    page.get_by_label("Username or e-mail address").fill(server.first["username"])
    page.get_by_label("Password").fill(password or server.first["password"])
    page.get_by_role("button", name="Sign in").click()
