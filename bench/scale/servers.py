"""A PostgreSQL and a Redis of the measurement's own, set up as they are in production."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ports import free_port
from tests.postgres import PostgresServer

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
}
"""What is answered is on disk."""

PATIENCE = 30.0
"""Seconds within which a server has to answer after its start."""


@contextmanager
def postgres(kept: Path | None = None) -> Iterator[PostgresServer]:
    """A server until the block ends; its files go with it, unless a folder is named."""
    if kept is not None:
        with _served(kept) as server:
            yield server
        return
    with TemporaryDirectory(prefix="vestibule-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the server may run as a user of its own
        with _served(Path(folder) / "server") as server:
            yield server


@contextmanager
def _served(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder, options=dict(DURABLE))
    if not (folder / "data" / "PG_VERSION").exists():
        server.create()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis() -> Iterator[Redis]:
    """A Redis that writes to disk once a second, until the block ends."""
    with TemporaryDirectory(prefix="vestibule-bench-") as folder:
        port = free_port()
        process = subprocess.Popen(
            [
                "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
                "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
                "--maxmemory-policy", "noeviction",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            _await_pong(port, process)
            yield Redis(port, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _await_pong(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.perf_counter() + PATIENCE
    while process.poll() is None and time.perf_counter() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(5) == b"+PONG":
                    return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError("Redis did not start")
