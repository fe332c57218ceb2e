"""Instances on one PostgreSQL and one Redis, on this machine, without a proxy."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import PostgresServer

from bench import service
from bench.cpu import Meters, pinned
from bench.scale import crowd, servers
from bench.service import Service
from bench.tokens import SERVICE
from vestibule.settings import Settings

DATABASE, REDIS = "PostgreSQL", "Redis"
USERS = 10_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs, and what it may be asked."""

    services: list[Service]
    postgres_pid: int
    redis_pid: int
    environment: dict[str, str]
    """With which a command finds the same database."""

    @property
    def ports(self) -> list[int]:
        """Of the instances."""
        return [one.port for one in self.services]

    @property
    def meters(self) -> Meters:
        """The processor time of the instances together, of PostgreSQL and of Redis."""
        return Meters(
            {
                SERVICE: [one.pid for one in self.services],
                DATABASE: [self.postgres_pid],
                REDIS: [self.redis_pid],
            }
        )


@contextmanager
def deployed(instances: int, *, cores: Sequence[set[int]] | None = None) -> Iterator[Deployment]:
    """So many instances, until the block ends.

    Each has its share of the cores for hashing, or is pinned to the `cores` that stand at its
    place, with a thread for each of them. Growing delays are counted, as they are in production.
    """
    everywhere = os.sched_getaffinity(0)
    threads = max(1, len(everywhere) // instances)
    password_hash = service.hash_of_password(Settings())
    with ExitStack() as stack:
        database = stack.enter_context(servers.postgres())
        redis = stack.enter_context(servers.redis())
        url = crowd.ensure(database, "vestibule", USERS, password_hash=password_hash)
        environment = {
            "VESTIBULE_DATABASE_URL": url,
            "VESTIBULE_REDIS_URL": redis.url,
            "VESTIBULE_ISSUER": "https://auth.example.org",
            "VESTIBULE_SECRET_KEY": secrets.token_urlsafe(32),
            "VESTIBULE_FAILURE_DELAYS": "true",
        }
        services = []
        for index in range(instances):
            data = Path(stack.enter_context(TemporaryDirectory()))
            allowed = cores[index] if cores else everywhere
            hashing = {"VESTIBULE_HASH_THREADS": str(len(allowed) if cores else threads)}
            with pinned(allowed):
                services.append(
                    stack.enter_context(service.started(data, {**environment, **hashing}))
                )
        yield Deployment(services, pid_of(database), redis.pid, environment)


def pid_of(database: PostgresServer) -> int:
    """The process at the root of the server's."""
    assert database.process is not None
    return database.process.pid
