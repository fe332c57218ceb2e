"""Two PostgreSQL servers, one of which follows the other, and Patroni that decides which."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.ports import free_port
from tests.postgres import NOT_FOR_ROOT, PostgresServer, become, programs

PATRONI = "/usr/bin/patroni"
ETCD = (shutil.which("etcd"), str(Path(__file__).parent / "etcd"))
TTL = 10
"""Seconds after which a leader that has said nothing is none."""
READY = 60.0
"""Seconds in which the pair must stand, or stand again."""


@dataclass
class Node:
    """A PostgreSQL server and the Patroni that looks after it."""

    name: str
    folder: Path
    etcd_port: int
    port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, NOT_FOR_ROOT)
        # What is JSON is YAML, too.
        path = self.folder / "patroni.yml"
        path.write_text(json.dumps(self._configuration()))
        self.process = _start([PATRONI, str(path)], self.folder)

    def kill(self) -> None:
        """End both at once, as a machine does that loses its power."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(timeout=10)
        self.process = None
        # Patroni started it in a session of its own.
        with suppress(FileNotFoundError, ProcessLookupError):
            first_line = (self.folder / "data" / "postmaster.pid").read_text().split()[0]
            os.kill(int(first_line), signal.SIGKILL)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def _configuration(self) -> dict[str, Any]:
        rest = f"127.0.0.1:{self.rest_port}"
        listen = f"127.0.0.1:{self.port}"
        return {
            "scope": "vestibule",
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": f"127.0.0.1:{self.etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    # What is acknowledged is on both.
                    "synchronous_mode": True,
                    "postgresql": {
                        # A primary that was lost may have written what nobody was told of.
                        "use_pg_rewind": True,
                        "parameters": {"max_connections": 100},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}],
            },
            "postgresql": {
                "listen": listen,
                "connect_address": listen,
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(programs()),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "postgres"},
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
                "parameters": {"unix_socket_directories": str(self.folder)},
            },
        }


@dataclass
class PatroniPair:
    """Both, and the etcd in which they agree."""

    folder: Path
    etcd_port: int = field(default_factory=free_port)
    nodes: list[Node] = field(default_factory=list)
    etcd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start all, and return when one follows the other synchronously."""
        self.etcd = self._start_etcd()
        for name in ("one", "two"):
            node = Node(name, self.folder / name, self.etcd_port)
            self.nodes.append(node)
            node.start()
            # The first one makes the cluster, and the second one copies it.
            self._until(lambda: "leader" in self.roles().values())
        self._until(self._is_whole)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        if self.etcd is not None:
            self.etcd.kill()
            self.etcd.wait(timeout=10)

    def bring_back(self, node: Node) -> None:
        """Start one that was lost, and return when it follows the other synchronously."""
        node.start()
        self._until(self._is_whole)

    def switch_over(self) -> None:
        """Have the other one lead, as planned, and return when it does and is followed."""
        leader = self.leader()
        other = next(node for node in self.nodes if node is not leader)
        answer = httpx.post(
            f"http://127.0.0.1:{leader.rest_port}/switchover",
            json={"leader": leader.name, "candidate": other.name},
            timeout=READY,
        )
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} {answer.text}")
        self._until(lambda: self._is_whole() and self.leader() is other)

    def _is_whole(self) -> bool:
        return sorted(self.roles().values()) == ["leader", "sync_standby"]

    def roles(self) -> dict[str, str]:
        """What each node is at present, by name; empty while nobody says."""
        for node in self.nodes:
            with suppress(httpx.HTTPError, ValueError):
                answer = httpx.get(f"http://127.0.0.1:{node.rest_port}/cluster", timeout=2)
                members = answer.json()["members"]
                return {m["name"]: m["role"] for m in members if m["state"] == "running"}
        return {}

    def leader(self) -> Node:
        """The node that is the primary."""
        roles = self.roles()
        return next(node for node in self.nodes if roles.get(node.name) == "leader")

    def primary(self) -> PostgresServer:
        """Its server, to be asked, not to be started or stopped."""
        return PostgresServer(self.folder, port=self.leader().port)

    def url(self, database: str) -> str:
        """Of whichever can be written."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"

    def _start_etcd(self) -> subprocess.Popen[bytes]:
        program = next((path for path in ETCD if path and Path(path).exists()), None)
        if program is None or not Path(PATRONI).exists():
            raise RuntimeError(
                "Patroni or etcd is missing: run sh scripts/test-requirements faults"
            )
        client = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{free_port()}"
        return _start(
            [
                program, "--name=etcd", f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=etcd={peer}", "--unsafe-no-fsync",
            ],
            self.folder,
        )  # fmt: skip

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY
        while not condition():
            for node in self.nodes:
                if node.process is not None and node.process.poll() is not None:
                    raise RuntimeError(f"Patroni ended: {node.log}")
            if time.monotonic() > deadline:
                raise RuntimeError("\n".join(node.log for node in self.nodes))
            time.sleep(0.1)


@contextmanager
def patroni_pair() -> Iterator[PatroniPair]:
    """A pair that runs until the block ends."""
    with TemporaryDirectory(prefix="vestibule-patroni-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(folder, NOT_FOR_ROOT)
        pair = PatroniPair(Path(folder))
        try:
            pair.start()
            yield pair
        finally:
            pair.stop()


def _start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            # Not through anybody's proxy, and not in the tests' own Python environment.
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            **become(),  # type: ignore[call-overload]
        )
    return process
