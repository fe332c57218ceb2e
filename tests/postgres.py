"""A PostgreSQL server of the tests' own, and databases on it that are ready at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from tests.ports import free_port
from vestibule.storage import schema
from vestibule.storage.metadata import metadata

NOT_FOR_ROOT = "postgres"
"""Who runs the server where the tests are run by root, whom PostgreSQL refuses."""
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests that never pull the plug."""


def programs() -> Path:
    """Where Debian keeps the newest version's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: run sh scripts/test-requirements")
    return found[-1]


def become() -> dict[str, object]:
    """How a process is started as somebody whom PostgreSQL doesn't refuse."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(NOT_FOR_ROOT)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@dataclass
class PostgresServer:
    """One server in a folder, on a free port of the loopback address."""

    folder: Path
    options: dict[str, str] = field(default_factory=lambda: dict(FAST))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    shared: str | None = None
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, NOT_FOR_ROOT)

    def create(self) -> PostgresServer:
        """Make the cluster's files."""
        self._make_folder()
        _run(
            [
                programs() / "initdb", "-D", self.folder / "data", "-U", "postgres",
                "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
            ]
        )  # fmt: skip
        return self

    def follow(self, primary: PostgresServer) -> PostgresServer:
        """Take the files of another server, to follow it by streaming."""
        self._make_folder()
        _run(
            [
                programs() / "pg_basebackup", "-D", self.folder / "data", "-d", primary.url(),
                "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
            ]
        )  # fmt: skip
        return self

    def start(self) -> PostgresServer:
        """Start, and return when it takes connections."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "300",
            **self.options,
        }
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [programs() / "postgres", "-D", self.folder / "data", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Signals to the tests' own group are not for it.
                start_new_session=True,
                **become(),  # type: ignore[call-overload]
            )
        while _run([programs() / "pg_isready", "-q", "-d", self.url()], check=False):
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text()[-2000:])
        return self

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop: SIGINT ends the sessions (`fast`), SIGQUIT is a crash that must be recovered."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)
            self.process = None

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run a statement with psql, and return what it prints."""
        done = subprocess.run(
            [programs() / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.url(database)],
            input=statement,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def new_database(self, *, template: str = "template0", options: str = "") -> str:
        """Create a database, and return its URL."""
        name = f"test{next(self._names)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy {options}")
        return self.url(name)

    def emptied(self) -> str:
        """One that all tests use in turn, with nothing in it: quicker than making one."""
        if self.shared is None:
            self.shared = self.new_migrated()
        tables = (table.name for table in reversed(metadata.sorted_tables))
        asyncio.run(_execute(self.shared, ";".join(f"DELETE FROM {name}" for name in tables)))
        return self.shared

    def new_migrated(self) -> str:
        """The same with all tables: copied, because migrating takes longer than most tests."""
        if not self.sql("SELECT 1 FROM pg_database WHERE datname = 'migrated'"):
            self.sql("CREATE DATABASE migrated TEMPLATE template0")
            schema.upgrade(self.url("migrated"))
        return self.new_database(template="migrated")


@contextmanager
def postgres_server(
    options: dict[str, str] | None = None, *, follows: PostgresServer | None = None
) -> Iterator[PostgresServer]:
    """A server that runs until the block ends; the replica of another, where one is named."""
    # Not below pytest's own folder: nobody but its owner may look into that.
    with TemporaryDirectory(prefix="vestibule-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "server")
        if options is not None:
            server.options = options
        (server.create() if follows is None else server.follow(follows)).start()
        try:
            yield server
        finally:
            server.stop()


def _run(command: Sequence[str | Path], *, check: bool = True) -> int:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        timeout=60,
        cwd="/",
        **become(),  # type: ignore[call-overload]
    )
    if check and done.returncode:
        raise RuntimeError(done.stderr.decode())
    return int(done.returncode)


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
