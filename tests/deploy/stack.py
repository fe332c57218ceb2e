"""What the Compose file runs, run here: HAProxy and Redis with their very files, two instances."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.deploy import compose
from tests.e2e.server import Server
from tests.ports import free_port
from tests.postgres import PostgresServer

HOST = "localhost"
CLIENT = "127.0.0.7"
"""Where the tests' requests come from, to be told from the proxy's 127.0.0.1."""
SHORT = {
    "argon2_memory": "8",
    "argon2_time": "1",
    "drain_delay": "3",
    "limit_account": "100000/minute",
    "limit_address": "100000/minute",
    # So that it is the proxy that keeps them inside, and not the service as well.
    "metrics_networks": "0.0.0.0/0",
}
"""Cheap hashes, a shorter wait, and tests may sign in as often as they like."""


def made_by_init(folder: Path) -> Path:
    """A copy of the folder of Compose with what `init` makes in it."""
    copy = folder / "compose"
    shutil.copytree(
        compose.FOLDER, copy, ignore=shutil.ignore_patterns("secrets", ".env"), dirs_exist_ok=True
    )
    subprocess.run([copy / "init", HOST], check=True, capture_output=True, timeout=30)
    return copy


def variables(folder: Path) -> dict[str, str]:
    """What the file `.env` says."""
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


class Stack:
    """All parts but PostgreSQL, which is shared with other tests."""

    def __init__(self, folder: Path, *, database_url: str) -> None:
        self.folder = made_by_init(folder)
        self.file = compose.read(**variables(self.folder))
        self.secrets = self.folder / "secrets"
        self.http, self.https, self.redis_port = free_port(), free_port(), free_port()
        for name, value in {
            "vestibule_database_url": database_url,
            "vestibule_redis_url": self._secret("vestibule_redis_url").replace(
                "redis:6379", f"127.0.0.1:{self.redis_port}"
            ),
        }.items():
            (self.secrets / name).unlink()
            (self.secrets / name).write_text(value)
        data = [folder / name for name in ("one", "two")]
        self.servers = [Server(each, options=self._options(), migrates=True) for each in data]
        self.proxy: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.https}"

    @property
    def log(self) -> str:
        """What HAProxy has said."""
        return (self.folder / "haproxy.log").read_text()

    def client(self, **options: Any) -> httpx.Client:
        """A client that trusts the certificate of `init` and nothing else."""
        context = ssl.create_default_context(cafile=str(self.secrets / "tls.pem"))
        transport = httpx.HTTPTransport(verify=context, local_address=CLIENT)
        return httpx.Client(transport=transport, base_url=self.url, timeout=20, **options)

    @contextmanager
    def redis(self) -> Iterator[None]:
        """Redis with the command and the file of Compose."""
        command = list(self.file["services"]["redis"]["command"])
        assert command[1:] == [
            "/usr/local/etc/redis/redis.conf", "--include", "/run/secrets/redis_auth.conf",
        ]  # fmt: skip
        command[1] = str(self.folder / "redis.conf")
        command[3] = str(self.secrets / "redis_auth.conf")
        with (self.folder / "redis.log").open("w") as log:
            process = subprocess.Popen(
                [
                    *command, "--port", str(self.redis_port), "--bind", "127.0.0.1",
                    "--dir", str(self.folder),
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        try:
            while self.ask_redis("ping") != "PONG":
                assert process.poll() is None, (self.folder / "redis.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)

    def ask_redis(self, *words: str, password: bool = True) -> str:
        """What redis-cli prints, with the password as the health check of Compose takes it."""
        secret = self._secret("redis_auth.conf").removeprefix("requirepass ")
        done = subprocess.run(
            ["redis-cli", "-p", str(self.redis_port), *words],
            env={**os.environ, **({"REDISCLI_AUTH": secret} if password else {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.stdout.strip()

    @contextmanager
    def haproxy(self) -> Iterator[None]:
        """HAProxy with the file of Compose; it answers when this returns."""
        environment = {
            **os.environ,
            "BIND_HTTP": f"127.0.0.1:{self.http}",
            "BIND_HTTPS": f"127.0.0.1:{self.https}",
            "CERTIFICATE": str(self.secrets / "tls.pem"),
            **{
                f"INSTANCE_{number}": f"127.0.0.1:{server.port}"
                for number, server in enumerate(self.servers, 1)
            },
        }
        command = ["/usr/sbin/haproxy", "-f", str(self.folder / "haproxy.cfg")]
        check = subprocess.run(
            [*command, "-c"], env=environment, capture_output=True, text=True, check=False
        )
        assert check.returncode == 0, check.stderr
        assert "WARNING" not in check.stderr
        with (self.folder / "haproxy.log").open("w") as log:
            self.proxy = subprocess.Popen(
                [*command, "-W", "-db"], env=environment, stdout=log, stderr=log
            )
        try:
            while not self._listens():
                assert self.proxy.poll() is None, self.log
            yield
        finally:
            self.proxy.send_signal(signal.SIGTERM)
            self.proxy.wait(timeout=30)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.https)) == 0

    def _options(self) -> dict[str, str]:
        """The environment that Compose gives an instance, but for where things are."""
        given = self.file["services"]["vestibule-1"]["environment"]
        assert given == self.file["services"]["vestibule-2"]["environment"]
        proxy = self.file["services"]["proxy"]["networks"]["edge"]["ipv4_address"]
        assert given["VESTIBULE_TRUSTED_PROXIES"] == f"{proxy}/32"
        return {
            **{name.removeprefix("VESTIBULE_").lower(): value for name, value in given.items()},
            **SHORT,
            "secrets_dir": str(self.secrets),
            "trusted_proxies": "127.0.0.1/32",
        }

    def _secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()


@contextmanager
def running(folder: Path, postgres: PostgresServer) -> Iterator[Stack]:
    """All of it, started as Compose starts it: migrate, then both instances, then the proxy."""
    url = postgres.new_database()
    stack = Stack(folder, database_url=url)
    with ExitStack() as parts:
        parts.callback(postgres.sql, f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        parts.enter_context(stack.redis())
        [first, second] = stack.servers
        first.data.mkdir()
        first.cli(*stack.file["services"]["migrate"]["command"])
        for server in (first, second):
            parts.callback(_kill, server)
            server.start()
        parts.enter_context(stack.haproxy())
        yield stack


def _kill(server: Server) -> None:
    if server.process is not None:
        server.stop(signal.SIGKILL)
