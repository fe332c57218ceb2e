"""The documentation site, built once for all tests of a run, and a service for its samples."""

from __future__ import annotations

import fcntl
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICK_START = ROOT / "docs" / "src" / "content" / "docs" / "quick-start.md"
STARTS = [README, QUICK_START]
"""Pages that begin with the command that runs the service."""
DEPLOYMENT = ROOT / "docs" / "src" / "content" / "docs" / "deployment.md"
ELSEWHERE = {
    **dict.fromkeys(STARTS, "tests/docs/test_readme.py"),
    DEPLOYMENT: "tests/deploy/test_booted.py",
}
"""What runs samples of these pages that are not run with the others."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """What `make docs` builds, in a folder of this run: one worker builds it for all."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    built = folder / "site"
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built / "built").exists():
            done = subprocess.run(
                ["sh", str(ROOT / "scripts" / "docs"), "--outDir", str(built)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            (built / "built").touch()
    return built


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service that samples speak to."""
    running = Server(
        tmp_path_factory.mktemp("samples") / "data",
        options={"limit_address": "100000/minute", "limit_account": "100000/minute"},
    ).start()
    yield running
    running.stop(signal.SIGKILL)
