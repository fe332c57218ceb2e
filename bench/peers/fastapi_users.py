"""fastapi-users, under uvicorn with a worker for each core."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

from bench.load import post
from bench.peers import environment
from bench.peers.peer import ARGON2, DEARER, PASSWORD, USERS, Command, Prepared, request
from bench.peers.processes import SITES, run

REQUIREMENTS = [
    "fastapi-users[sqlalchemy]==15.0.5",
    "fastapi==0.165.0",
    "aiosqlite==0.22.1",
    "uvicorn[standard]==0.54.0",
]


@dataclass(frozen=True)
class FastapiUsers:
    """The application of its documentation (SQLAlchemy, JWT), on SQLite."""

    own_default: bool = True
    name: str = "fastapi-users"
    login_status: int = 200
    health: bytes = request("GET", "/health")

    @property
    def hashing(self) -> str:
        return DEARER if self.own_default else ARGON2

    @property
    def deployment(self) -> str:
        return f"uvicorn, {os.cpu_count()} workers, SQLite"

    def login(self, number: int) -> bytes:
        return post("/auth/login", {"username": f"user{number}@example.org", "password": PASSWORD})

    def install(self) -> list[str]:
        return environment.versions(
            self._python(), ["fastapi-users", "fastapi", "uvicorn", "pwdlib", "argon2-cffi"]
        )

    def _python(self) -> Path:
        return environment.virtual_environment("fastapi-users", REQUIREMENTS)

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        python, port = str(self._python()), free_port()
        variables = {
            "PYTHONPATH": str(SITES),
            "BENCH_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/users.db",
            "BENCH_HASH": "default" if self.own_default else "argon2",
            "BENCH_SECRET": secrets.token_urlsafe(32),
        }
        run(Command([python, str(SITES / "fastapi_users_site.py"), str(USERS)], variables))
        serve = [python, "-m", "uvicorn", "fastapi_users_site:app", "--port", str(port)]
        serve += ["--workers", str(os.cpu_count()), "--log-level", "warning", "--no-access-log"]
        yield Prepared(
            serve=Command(serve, variables),
            port=port,
            verify=Command([python, "fastapi_users_hash"], variables),
        )
