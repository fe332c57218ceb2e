"""A real browser, what a person does in it, and how pages are judged there.

Screenshots are kept in the folder that VESTIBULE_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.e2e.server import Server

CHROMIUM = which("chromium") or which("chromium-browser")
TIMEOUT = 15_000
PHONE, DESKTOP = (390, 844), (1280, 800)
HEAVIEST = 100_000
"""Bytes that a page may be in all, nothing of it cached."""
HEAD = 1_000
"""Bytes that the head of an answer of ours is shorter than; browsers do not tell of it."""
AXE = Path(__file__).parent / "openid_client" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = os.environ.get("VESTIBULE_SCREENSHOTS")
QUICK = "Autofocus processing was blocked because a document already has a focused element."
"""What Chromium tells when somebody is in a field before the page has put them there."""

Scheme = Literal["light", "dark"]

expect.set_options(timeout=TIMEOUT)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A fresh browser, closed at the end; `options` are those of Playwright's `new_context`."""
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


@contextmanager
def watched(context: BrowserContext, *ours: str) -> Iterator[Page]:
    """A page that must find nothing to complain of until the end.

    `ours` are beginnings of paths of pages that may have the status of an error: that is meant,
    and no defect of theirs.
    """
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        meant = urlsplit(message.location["url"]).path.startswith(ours)
        refused = message.text.startswith("Failed to load resource")
        if not (refused and meant) and message.text != QUICK:
            complaints.append(f"{message.type}: {message.text} {message.location['url']}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == [], complaints


def sign_in(page: Page, server: Server, *, password: str | None = None) -> None:
    """Fill in the sign-in page as the first user, and send it."""
    sign_in_as(page, server.first["username"], password or server.first["password"])


def sign_in_as(page: Page, username: str, password: str) -> None:
    """The same as anybody."""
    page.get_by_label("Username or e-mail address").fill(username)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")


def enter(page: Page, server: Server, path: str) -> None:
    """Open a page of ours as the first user, who administers."""
    page.goto(f"{server.url}{path}")
    sign_in(page, server)


def says(page: Page, text: str = "Done.") -> None:
    """Wait until the page says so."""
    expect(page.get_by_role("status")).to_have_text(text)


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
    # Above 12 or so, they are about things that the pages have; at 0, nothing was looked at.
    problems = violations(page, RULES, least=10)
    assert page.viewport_size is not None
    # Not `innerWidth`: a phone zooms out until what is too wide fits.
    if page.evaluate("document.documentElement.scrollWidth") > page.viewport_size["width"]:
        problems.append("it is wider than the window")
    return problems


def violations(page: Page, rules: list[str], *, least: int) -> list[str]:
    """Of these rules or tags of rules of axe-core, at least so many of which must be kept."""
    # Of what is kept, one element is told, which is enough to count the rules.
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(options)", options)
    assert len(found["passes"]) >= least, found
    return [
        f"{rule['id']} at {json.dumps([node['target'] for node in rule['nodes']])}"
        for rule in found["violations"]
    ]


def weight(page: Page) -> int:
    """How many bytes the page is in all, as they come over the wire with nothing cached."""
    page.wait_for_load_state("load")
    sizes: dict[str, int] = page.evaluate(
        "Object.fromEntries(performance.getEntries()"
        ".filter(e => 'encodedBodySize' in e).map(e => [e.name, e.encodedBodySize]))"
    )
    assert len(sizes) >= 4, sizes  # the page itself and three style sheets
    return sum(sizes.values()) + HEAD * len(sizes)


def toured(
    browser: Browser,
    walk: Callable[[Page], Iterator[str]],
    *,
    scheme: Scheme,
    size: tuple[int, int],
    **options: Any,
) -> list[str]:
    """What is wrong with the pages of a walk, which opens them and names each, in this look.

    Each is shown in the other colours as well, for what colours alone make of it.
    """
    width, height = size
    other: Scheme = "dark" if scheme == "light" else "light"
    problems: list[str] = []
    with visiting(
        browser,
        # axe is a script, which our pages do not let in.
        bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": height},
        is_mobile=size == PHONE, has_touch=size == PHONE, **options,
    ) as context:  # fmt: skip
        page = context.new_page()
        for name in walk(page):
            keep_picture(page, f"{name}-{scheme}-{width}")
            found = judged(page)
            if (bytes_in_all := weight(page)) >= HEAVIEST:
                found.append(f"it weighs {bytes_in_all} bytes")
            page.emulate_media(color_scheme=other, reduced_motion="reduce")
            keep_picture(page, f"{name}-{other}-{width}")
            found += [f"{other}: {one}" for one in violations(page, ["color-contrast"], least=1)]
            page.emulate_media(color_scheme=scheme)
            problems += [f"{name}: {problem}" for problem in found]
    return problems
