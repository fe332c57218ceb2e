"""Draw the pictures of the README and the guides: real pages, light and dark.

Run it as `.venv/bin/python -m scripts.screenshots` when the pages look different.
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from typing import Literal

import httpx
from tests.e2e.browsing import chromium
from tests.e2e.server import Server

ASSETS = Path(__file__).parent.parent / "docs" / "src" / "assets"
LOGINS, SPREAD = 40, 100
"""Logins, and the seconds that they take together."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def work(url: str, own: dict[str, str]) -> None:
    """Let some people sign in, so that there is something to see: a login of its own slice each."""
    for number in range(LOGINS):
        wrong = {**own, "password": "another"}
        httpx.post(f"{url}/api/v1/auth/login", data=wrong if number % 5 == 4 else own)
        time.sleep(SPREAD / LOGINS)


def main() -> None:
    """Start a service, look at it in both colour schemes, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", options={"failure_delays": "false"}).start()
        own = {name: server.first[name] for name in ("username", "password")}
        try:
            work(server.url, own)
            with chromium() as browser:
                for scheme in SCHEMES:
                    page = browser.new_page(
                        color_scheme=scheme,
                        viewport={"width": 880, "height": 560},
                        device_scale_factor=1.5,
                    )
                    page.goto(f"{server.url}/account")
                    page.get_by_label("Username or e-mail address").fill("alice@example.org")
                    page.get_by_label("Password").fill("correct horse battery staple")
                    page.screenshot(path=ASSETS / f"sign-in-{scheme}.png")
                    if scheme == "dark":
                        continue
                    page.get_by_label("Username or e-mail address").fill(own["username"])
                    page.get_by_label("Password").fill(own["password"])
                    page.get_by_role("button", name="Sign in").click()
                    page.get_by_role("heading", level=1).wait_for()
                    page.set_viewport_size({"width": 1100, "height": 720})
                    page.goto(f"{server.url}/admin")
                    page.screenshot(path=ASSETS / "administration-light.png")
        finally:
            server.stop(signal.SIGKILL)


if __name__ == "__main__":
    main()
