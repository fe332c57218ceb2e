"""The site as a whole: what it is made of, and that none of its links leads nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.docs.conftest import ROOT
from tests.docs.pages import read


def test_no_link_leads_nowhere(site: Path) -> None:
    """The build itself looks at the guides; this looks at every page, the reference too."""
    pages = {path: read(path) for path in site.rglob("*.html")}
    assert len(pages) > 80

    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else _file(site, path, unquote(parts.path))
            if not target.is_file() or (
                parts.fragment and target in pages and parts.fragment not in pages[target].anchors
            ):
                broken.append(f"{path.relative_to(site)}: {link}")

    assert broken == []


def _file(site: Path, page: Path, path: str) -> Path:
    found = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return found / "index.html" if found.is_dir() else found


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text()

        assert 'src="http' not in text
        assert '<link rel="stylesheet" href="http' not in text


def test_the_lock_pins_every_package_and_names_no_registry() -> None:
    folder = ROOT / "docs"
    wanted = json.loads((folder / "package.json").read_text())
    lock = json.loads((folder / "package-lock.json").read_text())

    assert all(version[0].isdigit() for version in wanted["dependencies"].values())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
