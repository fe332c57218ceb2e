"""Every sample of the README and of the guides runs, or says why it can't."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.docs.conftest import ELSEWHERE, ROOT
from tests.docs.person import Person
from tests.docs.samples import DATA, EXTRA, PROGRAMS, REASONS, Script, blocks
from tests.docs.surroundings import PASSWORD, Surroundings, of
from tests.e2e.server import Server

GUIDES = ROOT / "docs" / "src" / "content" / "docs"
CHART = ROOT / "deploy" / "helm" / "vestibule" / "README.md"
PAGES = [ROOT / "README.md", CHART, *sorted(GUIDES.rglob("*.md"))]
NAMES = [str(page.relative_to(GUIDES if page.is_relative_to(GUIDES) else ROOT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_is_known_and_what_is_not_run_says_why(page: Path) -> None:
    content = page.read_text()
    found = blocks(page)

    assert content.count("\n```") == 2 * len(found), "a fence that is not closed, or indented"
    for block in found:
        where = f"the block in line {block.line}"
        assert block.language in {*PROGRAMS, *DATA}, where
        assert set(block.marks) <= {"title", "continues", "tested", "untested"}, where
        if "tested" in block.marks:
            assert block.marks["tested"] == ELSEWHERE[page], where
        if "untested" in block.marks:
            assert block.marks["untested"] in REASONS, where
        if "title" in block.marks:
            later = [b.text for b in found if b.line > block.line and b.language == "sh"]
            assert any(block.marks["title"] in text for text in later), where
        if block.language == "json":
            json.loads(block.text)
        if block.language == "yaml":
            yaml.safe_load(block.text)


@pytest.mark.parametrize(
    ("language", "text"),
    [("sh", "true\nfalse | cat\n"), ("python", "1 / 0\n"), ("js", "throw new Error('no')\n")],
)
def test_a_block_that_fails_ends_its_page_and_says_where(
    tmp_path: Path, language: str, text: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"# A page\n\n```sh\ntrue\n```\n\n```{language}\n{text}```\n\n```sh\necho on\n```\n"
    )
    script = Script(folder=tmp_path, service="", password="")
    for block in blocks(page):
        script.add(block)

    done = subprocess.run(
        ["bash", str(script.write())], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "the block in line 7 has failed" in done.stderr
    assert "on" not in done.stdout.split()


@pytest.fixture
def surroundings(page: Path) -> Surroundings:
    return of(NAMES[PAGES.index(page)])


@pytest.fixture
def service(tmp_path: Path, surroundings: Surroundings) -> Iterator[Server]:
    """A service for one page, on which its reader may do as the page says."""
    server = Server(tmp_path / "data", options=dict(surroundings.options)).start()
    yield server
    server.stop(signal.SIGKILL)


RUNNING = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.mark.parametrize(
    "page", RUNNING, ids=[name for name, page in zip(NAMES, PAGES, strict=True) if page in RUNNING]
)
def test_the_samples_run(
    page: Path,
    service: Server,
    surroundings: Surroundings,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    # A sample that is answered with an error has failed.
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    surroundings.prepare(service, folder)
    script = Script(folder=folder, service=service.url, password=service.first["password"])
    running = [block for block in blocks(page) if block.runs]
    for block in running:
        script.add(block)
    if any(EXTRA.search(block.text) for block in running):
        lay_out_the_distribution(folder, request.getfixturevalue("wheels"))

    reader = Person(service.url, username="alice", password=PASSWORD)
    code, shown = reader.run(script.write(), environment(service, folder), patience=300)

    assert code == 0, shown
    surroundings.judge(service, shown)


def lay_out_the_distribution(folder: Path, wheels: Path) -> None:
    """What pip finds, as if it had been published, and a pip of the reader's own."""
    venv.create(folder / "installed", with_pip=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "pip").write_text(
        f'#!/bin/sh\nexec {folder}/installed/bin/pip "$@" --quiet --find-links {wheels}\n'
    )
    (folder / "bin" / "pip").chmod(0o755)


def environment(service: Server, folder: Path) -> dict[str, str]:
    """What a reader's shell holds: who they are, where the program is, and nothing of ours."""
    own = {"username": service.first["username"], "password": service.first["password"]}
    tokens = httpx.post(f"{service.url}/api/v1/auth/login", data=own).json()
    return {
        **service.environment(),
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PASSWORD": own["password"],
        "ACCESS_TOKEN": tokens["access_token"],
        "REFRESH_TOKEN": tokens["refresh_token"],
        "CLIENT_SECRET": "secret",
        # What Go has compiled and pip has fetched once is kept, of all else nothing.
        "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
        # Most of what is installed is never imported. This is how pip is told not to: with a no.
        "PIP_NO_COMPILE": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "GOCACHE": os.environ.get("GOCACHE", str(Path.home() / ".cache" / "go-build")),
        "HOME": str(folder),
        "CURL_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
