"""django-oauth-toolkit, under gunicorn with as many workers as its documentation says."""

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
from bench.peers.peer import ARGON2, PASSWORD, USERS, Command, Prepared, request
from bench.peers.processes import SITES, run

REQUIREMENTS = [
    "django-oauth-toolkit==3.4.1",
    "django==5.2.19",
    "argon2-cffi==25.1.0",
    "gunicorn==27.0.1",
]
CLIENT_ID = "bench"
WORKERS = 2 * (os.cpu_count() or 1) + 1


@dataclass(frozen=True)
class DjangoOauthToolkit:
    """The password grant of a public client, whose secret would cost a second hash."""

    own_default: bool = True
    name: str = "django-oauth-toolkit"
    login_status: int = 200
    health: bytes = request("GET", "/health")

    @property
    def hashing(self) -> str:
        return "PBKDF2-SHA256, 1,000,000 rounds" if self.own_default else ARGON2

    @property
    def deployment(self) -> str:
        return f"gunicorn, {WORKERS} workers, SQLite"

    def login(self, number: int) -> bytes:
        form = {"grant_type": "password", "client_id": CLIENT_ID, "password": PASSWORD}
        return post("/o/token/", {**form, "username": f"user{number}"})

    def install(self) -> list[str]:
        return environment.versions(
            self._python(), ["django-oauth-toolkit", "django", "gunicorn", "argon2-cffi"]
        )

    def _python(self) -> Path:
        return environment.virtual_environment("django-oauth-toolkit", REQUIREMENTS)

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        python, port = str(self._python()), free_port()
        variables = {
            "PYTHONPATH": str(SITES),
            "DJANGO_SETTINGS_MODULE": "django_settings",
            "BENCH_DATABASE": str(folder / "users.db"),
            "BENCH_HASH": "default" if self.own_default else "argon2",
            "BENCH_SECRET": secrets.token_urlsafe(32),
        }
        run(Command([python, str(SITES / "django_seed.py"), str(USERS), CLIENT_ID], variables))
        serve = [python, "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()"]
        serve += ["--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS)]
        yield Prepared(
            serve=Command(serve, variables),
            port=port,
            verify=Command([python, "django_hash"], variables),
        )
