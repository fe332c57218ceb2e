"""Draw the pictures of the README: the real sign-in page, light and dark.

Run it as `.venv/bin/python -m scripts.screenshots` when the pages look different.
"""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Literal

from tests.e2e.browsing import chromium
from tests.e2e.server import Server

ASSETS = Path(__file__).parent.parent / "docs" / "src" / "assets"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Start a service, look at it in both colour schemes, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data").start()
        try:
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
        finally:
            server.stop(signal.SIGKILL)


if __name__ == "__main__":
    main()
