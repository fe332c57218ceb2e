"""How fast users come in and go out by the command, and in how much memory, on both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peak import peak_of

from bench.scale import servers
from bench.scale.effort import Effort
from vestibule.storage import schema

USERS = (20_000, 200_000)
HASH = "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"
ORGANIZATION = "acme"


def imports(effort: Effort) -> Iterator[str]:
    """Users a second, start of the command included, and the most memory that it had."""
    sizes = effort.users or USERS
    yield "| database | users | in, a second | peak MiB | out, a second | peak MiB |"
    yield "|---" * 6 + "|"
    with servers.postgres(effort.cluster) as server:
        for size in sizes:
            with TemporaryDirectory() as folder:
                yield _measured("SQLite", f"sqlite:///{folder}/vestibule.db", size, Path(folder))
            server.sql("DROP DATABASE IF EXISTS imports")
            server.sql("CREATE DATABASE imports TEMPLATE template0")
            with TemporaryDirectory() as folder:
                yield _measured("PostgreSQL", server.url("imports"), size, Path(folder))
            server.sql("DROP DATABASE imports")


def _measured(database: str, url: str, size: int, folder: Path) -> str:
    schema.upgrade(url)
    environment = {
        "VESTIBULE_DATA_DIR": str(folder),
        "VESTIBULE_DATABASE_URL": url,
        "VESTIBULE_SECRET_KEY": "measured, and never seen by anybody else",
    }
    peak_of(["org", "create", ORGANIZATION], environment)
    source, target = folder / "in.jsonl", folder / "out.jsonl"
    _write(source, size)
    began = time.perf_counter()
    peak_in = peak_of(["user", "import", source], environment)
    between = time.perf_counter()
    source.unlink()
    peak_out = peak_of(["user", "export", target], environment)
    ended = time.perf_counter()
    with target.open("rb") as lines:
        written = sum(1 for _ in lines)
    if written != size:
        raise RuntimeError(f"of {size} users {written} came out")
    return (
        f"| {database} | {size:,} | {size / (between - began):,.0f} | {peak_in / 1024:.0f} "
        f"| {size / (ended - between):,.0f} | {peak_out / 1024:.0f} |"
    )


def _write(path: Path, count: int) -> None:
    with path.open("w") as out:
        for number in range(count):
            fields = {
                "username": f"user{number}",
                "email_address": f"user{number}@example.org",
                "first_name": f"Given{number}",
                "last_name": f"Family{number}",
                "password_hash": HASH,
                "organizations": [ORGANIZATION],
            }
            out.write(json.dumps(fields) + "\n")
