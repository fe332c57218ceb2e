"""A real service to measure: started as a user would, on a database made for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import insert
from tests.ports import free_port

from bench.load import HEALTH
from vestibule.clock import SystemClock
from vestibule.ids import new_id
from vestibule.orgs.models import memberships, organizations
from vestibule.passwords.pool import HashPool
from vestibule.passwords.service import Passwords
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.storage.embedded import create_embedded_engine
from vestibule.users.models import users

PASSWORD = "correct horse battery staple"
BATCH = 10_000
PATIENCE = 60.0
"""Seconds within which the service has to answer after its start."""

UNLIMITED = {
    "VESTIBULE_LIMIT_ADDRESS": "1000000/second",
    "VESTIBULE_LIMIT_ACCOUNT": "1000000/second",
    "VESTIBULE_LIMIT_CLIENT": "1000000/second",
    "VESTIBULE_FAILURE_DELAYS": "false",
}
"""All load comes from one address here: the limits would be all that is measured."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    port: int
    pid: int
    ready_seconds: float

    def memory(self) -> float:
        """Resident megabytes of the service."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")


@contextmanager
def running(*, user_count: int = 1000, folder: Path | None = None) -> Iterator[Service]:
    """A service with users user0, user1, …, all of one password."""
    with tempfile.TemporaryDirectory() as temporary:
        data = folder or Path(temporary)
        populate(data, user_count)
        with started(data) as service:
            yield service


@contextmanager
def started(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """The service on a data folder, until the block ends; `settings` as environment variables."""
    port = free_port()
    environment = {
        **os.environ,
        **UNLIMITED,
        **(settings or {}),
        "VESTIBULE_DATA_DIR": str(data),
        "VESTIBULE_PORT": str(port),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with (data / "service.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "vestibule"), "serve"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        _await_answer(port, process, data / "service.log")
        yield Service(port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def _await_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.perf_counter() + PATIENCE
    while process.poll() is None and time.perf_counter() < end:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(HEALTH)
                if connection.recv(12) == b"HTTP/1.1 200":
                    return
        except OSError:
            time.sleep(0.002)
    raise RuntimeError(f"the service did not start: {log.read_text()[-2000:]}")


def populate(data: Path, count: int, *, hashing: Settings | None = None) -> None:
    """Write so many users, each in one organization, where they are not there yet.

    Their hash has the parameters of `hashing`, by default those of the service.
    """
    url = Settings(data_dir=data).sqlalchemy_url
    if schema.current(url) is not None:
        return
    schema.upgrade(url)
    now = datetime.now(UTC)
    hashed = hash_of_password(hashing or Settings())
    organization = {
        "id": new_id(), "key": "acme", "name": "Acme", "description": "", "is_active": True,
        "password_sign_in": True, "created_at": now, "updated_at": now,
    }  # fmt: skip
    engine = create_embedded_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(organizations), organization)
    for first in range(0, count, BATCH):
        ids = [new_id() for _ in range(first, min(first + BATCH, count))]
        with engine.begin() as connection:
            connection.execute(
                insert(users),
                [
                    {
                        "id": user_id, "username": f"user{first + i}",
                        "email_address": f"user{first + i}@example.org", "first_name": "",
                        "last_name": "", "password_hash": hashed, "is_active": True,
                        "email_verified": True, "default_org_id": None, "created_at": now,
                        "updated_at": now,
                    }
                    for i, user_id in enumerate(ids)
                ],
            )  # fmt: skip
            connection.execute(
                insert(memberships),
                [
                    {
                        "user_id": user_id, "org_id": organization["id"], "role": "member",
                        "joined_at": now,
                    }
                    for user_id in ids
                ],
            )  # fmt: skip
    engine.dispose()


def hash_of_password(settings: Settings) -> str:
    """A hash of the users' password, by the parameters of these settings."""
    passwords = Passwords(
        pool=HashPool(threads=1, deadline=10, clock=SystemClock()),
        memory_kib=settings.argon2_memory,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
        firebase=None,
    )
    return passwords.hash_now(SecretStr(PASSWORD))
