"""The image: its steps are run as the Dockerfile has them, and what they make runs confined.

There is no container engine here. What one would do around the program is done with the kernel's
own means: it is the first process of its namespace, another user, and its root is read-only.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy import dockerfile
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
BUILD, FINAL = dockerfile.read(ROOT / "Dockerfile")

MOST_MEGABYTES = 170
"""As the guide says, and some room."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What /opt/vestibule holds in the image."""
    context = tmp_path_factory.mktemp("build")
    target = tmp_path_factory.mktemp("image") / "vestibule"
    stage = BUILD.environment()
    assert stage["UV_PROJECT_ENVIRONMENT"] == "/opt/vestibule"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL")},
        **stage,
        "UV_PROJECT_ENVIRONMENT": str(target),
        "UV_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
    }
    synced = 0
    for instruction, rest in BUILD.steps:
        if instruction == "COPY":
            *sources, _ = shlex.split(rest)
            for source in sources:
                _copy(source, context)
        elif instruction == "RUN" and "uv sync" in rest:
            command = shlex.split(re.sub(r"--mount=\S+ ", "", rest))
            subprocess.run(
                command, cwd=context, env=variables, check=True, capture_output=True, timeout=200
            )
            synced += 1
    assert synced == 2
    return target


def _copy(source: str, context: Path) -> None:
    path = ROOT / source
    if path.is_dir():
        shutil.copytree(
            path, context / source, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    else:
        shutil.copy(path, context / source)


class Container:
    """The program as process 1, as user 10001, on a root that can't be written."""

    def __init__(self, environment: Path, data: Path) -> None:
        self.port = free_port()
        self.command = environment / "bin" / "vestibule"
        self.variables = {
            "PATH": os.environ["PATH"],
            **{n: v for n, v in FINAL.environment().items() if n not in ("PATH", "HOME")},
            "VESTIBULE_DATA_DIR": str(data),
            "VESTIBULE_PORT": str(self.port),
            "VESTIBULE_ARGON2_MEMORY": "8",
            "VESTIBULE_ARGON2_TIME": "1",
        }
        folder = shlex.quote(str(data))
        script = (
            # The volume, then everything else.
            f"mount --bind {folder} {folder} && mount -o remount,bind,ro / && cd {folder}"
            f" && ! touch {folder}/../outside 2>/dev/null"
            f" && exec unshare --user --map-user=10001 --map-group=10001"
            f" {shlex.quote(str(self.command))} serve --json"
        )
        namespaces = ["unshare", "--pid", "--mount", "--fork", "--kill-child"]
        if os.geteuid() != 0:
            namespaces.append("--map-root-user")
        with (data.parent / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*namespaces, "sh", "-c", script],
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.password = ""
        for line in self.process.stdout:
            event = json.loads(line)
            self.password = event.get("password", self.password)
            if event.get("listening"):
                return
        raise AssertionError((data.parent / "log").read_text())

    @property
    def inner(self) -> int:
        """The program's process, as it is called outside."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def health(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The health check of the image, with more options where given."""
        [check] = FINAL.all("HEALTHCHECK")
        words = json.loads(check.partition("CMD ")[2])
        assert words[0] == self.command.name
        return subprocess.run(
            [self.command, *words[1:], *options],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def container(environment: Path, tmp_path: Path) -> Iterator[Container]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    running = Container(environment, data)
    yield running
    running.process.kill()
    running.process.wait()
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_what_it_adds_to_the_base_is_small(environment: Path) -> None:
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]

    assert sum(path.stat().st_size for path in files) < MOST_MEGABYTES * 1_000_000


def test_what_the_steps_make_runs_confined_and_ends_when_it_is_told_to(
    container: Container, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{container.port}/api/v1/auth/login"
    form = {"username": "admin", "password": container.password}

    answer = httpx.post(url, data=form)

    assert answer.status_code == 200, answer.text
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{container.inner}/status").read_text().splitlines()
    )
    assert status["NSpid"].split()[-1] == "1"
    assert container.health().returncode == 0
    assert container.health("--ready").returncode == 0
    os.kill(container.inner, getattr(signal, FINAL.all("STOPSIGNAL")[0]))
    assert container.process.wait(timeout=30) == 0
    stopped = container.health()
    assert stopped.returncode == 1
    assert "does not answer" in stopped.stderr
    kept = {path.name for path in (tmp_path / "data").iterdir()}
    assert kept == {"vestibule.db", "secret.key"}


def test_the_image_holds_the_program_compiled_and_nothing_to_build_or_test_with(
    environment: Path,
) -> None:
    packages = next((environment / "lib").glob("python3.*")) / "site-packages"
    program = packages / "vestibule"

    sources = list(program.rglob("*.py"))
    compiled = list(program.rglob("*.pyc"))

    assert len(sources) == len(compiled) > 100
    assert not list(packages.glob("_editable*"))
    for name in ("pytest", "pip", "uv", "setuptools", "hatchling", "mypy", "keyring"):
        assert not (packages / name).exists(), name


def test_only_what_the_build_copies_is_sent_to_it() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {name for rest in BUILD.all("COPY") for name in shlex.split(rest)[:-1]}

    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert let_in == copied


def test_the_image_is_nobodys_root_and_holds_no_secret() -> None:
    assert FINAL.all("USER") == ["10001:10001"]
    assert FINAL.all("VOLUME") == [FINAL.environment()["VESTIBULE_DATA_DIR"]]
    assert [rest for rest in FINAL.all("COPY") if not rest.startswith("--from=build")] == []
    for stage in (BUILD, FINAL):
        names = {*stage.environment(), *(rest.partition("=")[0] for rest in stage.all("ARG"))}
        assert not [name for name in names if re.search("KEY|SECRET|PASSWORD|TOKEN|URL", name)]
        assert re.fullmatch(r"python:\$\{PYTHON\}-slim-\$\{DEBIAN\}", stage.base)


def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"

    done = subprocess.run(
        [linter, "--failure-threshold", "style", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
