"""A real service in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.ports import free_port
from vestibule.storage import schema

COMMAND = str(Path(sys.executable).parent / "vestibule")
PATIENT = {
    "limit_address": "1000/minute", "limit_account": "1000/minute", "failure_delays": "false",
}  # fmt: skip
"""Options of a service that lets one address sign in again and again."""


@cache
def migrated() -> bytes:
    """A migrated database: most tests are not about how one is made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vestibule.db"
        schema.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def lay_out_tables(database: Path) -> None:
    """Write a database with all tables and nothing in them."""
    database.touch(0o600)
    database.write_bytes(migrated())


@dataclass
class Server:
    """`vestibule serve` on a data folder, with its log in a file."""

    data: Path
    options: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    first: dict[str, Any] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """A command that runs the service in surroundings of its own."""
    migrates: bool = False
    """Whether it makes its tables itself, as on a real first start."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data / "service.log").read_text()

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VESTIBULE_DATA_DIR": str(self.data),
            "VESTIBULE_PORT": str(self.port),
            "VESTIBULE_ARGON2_MEMORY": "8",
            "VESTIBULE_ARGON2_TIME": "1",
            # A machine that stands still for seconds is no slow client, and not full.
            "VESTIBULE_BODY_TIMEOUT": "120",
            "VESTIBULE_HEADER_TIMEOUT": "120",
            "VESTIBULE_HASH_DEADLINE": "60",
            **{f"VESTIBULE_{name.upper()}": value for name, value in self.options.items()},
        }

    def start(self) -> Server:
        """Start, and return when it says that it listens."""
        self.data.mkdir(exist_ok=True)
        self._lay_out_tables()
        with (self.data / "service.log").open("a") as log:
            self.process = subprocess.Popen(
                [*self.within, COMMAND, "serve", "--json"],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if "password" in event:
                self.first = event
            if event.get("listening"):
                return self
        raise AssertionError(f"the service did not start: {self.log}")

    def _lay_out_tables(self) -> None:
        database = self.data / "vestibule.db"
        if not (self.migrates or "database_url" in self.options or database.exists()):
            lay_out_tables(database)

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Started, and killed at the end."""
        try:
            yield self.start()
        finally:
            self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        assert self.process.stdout is not None
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process = None
        return code

    def cli(
        self, *arguments: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run another command of the program on the same data."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=check,
            timeout=120,
        )


@contextmanager
def pair(data: Path, **options: str) -> Iterator[tuple[Server, Server]]:
    """Two instances on one data folder, and so with one secret key, that issue the same tokens."""
    every = {"issuer": "http://127.0.0.1", **options}
    first, second = (Server(data, options=every) for _ in range(2))
    with first.running(), second.running():
        yield first, second
