"""What the README shows is so: its answers, its pictures, its links."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pexpect
import pytest

from tests.docs.conftest import README, ROOT, STARTS
from tests.docs.samples import blocks
from tests.e2e.server import Server
from tests.ports import free_port

LOGIN = "/api/v1/auth/login"
TARGET = re.compile(r'\]\(([^)#\s]+)(?:#([^)]*))?\)|(?:src|srcset)="([^"]+)"')


def answers() -> list[dict[str, object]]:
    return [json.loads(block.text) for block in blocks(README) if block.language == "json"]


@pytest.mark.parametrize("page", STARTS, ids=["README", "quick start"])
def test_the_first_command_runs_the_service(page: Path, tmp_path: Path) -> None:
    [command] = [b.text for b in blocks(page) if b.marks.get("tested", "").endswith("_readme.py")]
    # The environment is the one that `make test` has made by the same rule.
    for name in ("Makefile", "pyproject.toml", "uv.lock", "scripts"):
        subprocess.run(["cp", "--archive", ROOT / name, tmp_path], check=True)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {name: value for name, value in os.environ.items() if "VESTIBULE" not in name}
    url = f"http://127.0.0.1:{free_port()}"

    terminal = pexpect.spawn(
        "sh", ["-c", command], cwd=str(tmp_path), encoding="utf-8", timeout=60,
        env={**environment, "VESTIBULE_PORT": url.rpartition(":")[2], "TERM": "dumb"},
    )  # fmt: skip
    with closing(terminal):
        terminal.expect(r"\n +password +(\S+)")
        assert isinstance(terminal.match, re.Match)
        password = terminal.match[1]
        terminal.expect(f"Listening on {re.escape(url)}")
        signed_in = httpx.post(f"{url}{LOGIN}", data={"username": "admin", "password": password})
        terminal.sendintr()
        terminal.expect(pexpect.EOF)

    assert signed_in.status_code == 200
    assert (tmp_path / "data" / "vestibule.db").exists()
    assert "Traceback" not in str(terminal.before)


def test_the_answers_are_those_of_the_service(server: Server) -> None:
    success, failure = answers()
    own = {"username": server.first["username"], "password": server.first["password"]}

    signed_in = httpx.post(f"{server.url}{LOGIN}", data=own).json()
    refused = httpx.post(f"{server.url}{LOGIN}", data={**own, "password": "another"}).json()

    same = ("default_org", "orgs", "expires_in", "scope", "token_type")
    assert list(signed_in) == list(success)
    assert {name: signed_in[name] for name in same} == {name: success[name] for name in same}
    assert refused == failure


def test_its_pictures_are_small() -> None:
    for scheme in ("light", "dark"):
        picture = ROOT / "docs" / "src" / "assets" / f"sign-in-{scheme}.png"

        assert f"sign-in-{scheme}.png" in README.read_text()
        assert picture.stat().st_size < 60_000


def test_no_link_of_the_pages_in_the_repository_leads_nowhere() -> None:
    names = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/helm/vestibule/README.md")
    broken = []
    for page in (ROOT / name for name in names):
        for target, anchor, picture in TARGET.findall(page.read_text()):
            path = target or picture
            if path.startswith("http"):
                continue
            file = (page.parent / path).resolve()
            if not file.exists() or (anchor and anchor not in headings(file)):
                broken.append(f"{page.name}: {path}#{anchor}")

    assert broken == []


def headings(file: Path) -> set[str]:
    """The anchors that a page has, as the site and code hosts write them."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
