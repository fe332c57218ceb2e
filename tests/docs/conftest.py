"""The documentation site, built once for all tests of a run, and a service for its samples."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICK_START = ROOT / "docs" / "src" / "content" / "docs" / "quick-start.md"
STARTS = [README, QUICK_START]
"""Pages that begin with the command that runs the service."""
DEPLOYMENT = ROOT / "docs" / "src" / "content" / "docs" / "deployment.md"
OPERATIONS = DEPLOYMENT.with_name("operations.md")
ELSEWHERE = {
    **dict.fromkeys(STARTS, "tests/docs/test_readme.py"),
    DEPLOYMENT: "tests/deploy/test_booted.py",
    OPERATIONS: "tests/audit/test_months.py",
}
"""What runs samples of these pages that are not run with the others."""


@pytest.fixture(scope="session")
def build(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[..., Path]:
    """Runs a command that builds in a folder of this run: one worker runs it for all."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent

    def build(name: str, *command: str | Path) -> Path:
        built = folder / name
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (built / "built").exists():
                done = subprocess.run(
                    [*command, built], capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, done.stdout + done.stderr
                (built / "built").touch()
        return built

    return build


@pytest.fixture(scope="session")
def site(build: Callable[..., Path]) -> Path:
    """What `make docs` builds."""
    return build("site", "sh", ROOT / "scripts" / "docs", "--outDir")


@pytest.fixture(scope="session")
def wheels(build: Callable[..., Path]) -> Path:
    """A folder with the distribution."""
    uv = Path(sys.executable).parent / "uv"
    return build("wheels", uv, "build", "--quiet", "--wheel", ROOT, "--out-dir")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service that samples speak to."""
    running = Server(
        tmp_path_factory.mktemp("samples") / "data",
        options={"limit_address": "100000/minute", "limit_account": "100000/minute"},
    ).start()
    yield running
    running.stop(signal.SIGKILL)
