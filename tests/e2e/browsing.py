"""A real browser, what a person does in it, and how pages are judged there.

Screenshots are kept in the folder that VESTIBULE_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.server import Server

CHROMIUM = which("chromium") or which("chromium-browser")
TIMEOUT = 15_000
PHONE, DESKTOP = (390, 844), (1280, 800)
AXE = Path(__file__).parent / "openid_client" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = os.environ.get("VESTIBULE_SCREENSHOTS")


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


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def heading(page: Page, name: str) -> None:
    """Wait for the page of this heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def keep_picture(page: Page, name: str) -> None:
    """Keep how the page looks, where somebody wants to see it."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def judged(page: Page) -> list[str]:
    """What axe-core finds, and whether something stands out to the side."""
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
        " 'best-practice']})"
    )
    # Above 12 or so, they are about things that the pages have; at 0, nothing was looked at.
    assert len(found["passes"]) > 10
    problems = [
        f"{rule['id']} at {json.dumps([node['target'] for node in rule['nodes']])}"
        for rule in found["violations"]
    ]
    assert page.viewport_size is not None
    # Not `innerWidth`: a phone zooms out until what is too wide fits.
    if page.evaluate("document.documentElement.scrollWidth") > page.viewport_size["width"]:
        problems.append("it is wider than the window")
    return problems
