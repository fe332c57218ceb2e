"""A disk that is small, for one service alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.server import Server

MOUNT = 'mount -t tmpfs -o size="$1" vestibule-test "$2" && shift 2 && exec "$@"'
SQL = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10)
for row in connection.execute(sys.stdin.read()):
    print(*row, sep="|")
"""
FILL = """
import sys
with open(sys.argv[1], "wb", buffering=0) as file:
    for size in (65536, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError as error:
            if error.errno != 28:  # ENOSPC
                raise
"""


@dataclass
class SmallDisk:
    """A file system in memory, mounted where only the service that stands on it sees it."""

    folder: Path
    """Where it is mounted; it is gone when the service has ended."""
    size: str
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        words = ("unshare", "--mount", "sh", "-c", MOUNT, "sh", self.size, str(self.folder))
        self.server = Server(self.folder, within=words)

    def fill(self) -> None:
        """Leave no byte free. This needs to be root, like all of it."""
        self._python(FILL, str(self._filler))

    def free(self) -> None:
        """Give back what was filled."""
        self._inside("rm", str(self._filler))

    def sql(self, statement: str) -> str:
        """What the database on it answers, in the manner of psql."""
        return self._python(SQL, str(self.folder / "vestibule.db"), stdin=statement)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def _python(self, program: str, *arguments: str, stdin: str = "") -> str:
        return self._inside(sys.executable, "-c", program, *arguments, stdin=stdin)

    def _inside(self, *command: str, stdin: str = "") -> str:
        assert self.server.process is not None
        done = subprocess.run(
            # Each exec took the place of the one before: the service has the number of unshare.
            ["nsenter", f"--target={self.server.process.pid}", "--mount", *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()
