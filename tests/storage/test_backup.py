"""Backup and restore, of either database: what was acknowledged is there, and the keys sign."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server
from tests.postgres import PostgresServer, programs
from vestibule.storage import schema

KEY = "a secret key for tests, 32 characters or more"
WORKERS = 3


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Whoever starts one puts it in; what runs at the end is stopped."""
    started: list[Server] = []
    yield started
    for server in started:
        if server.process is not None:
            server.stop()


def start(servers: list[Server], folder: Path, **options: str) -> Server:
    open_doors = {"limit_address": "100000/minute", "limit_account": "100000/minute"}
    server = Server(folder, options={"secret_key": KEY, **open_doors, **options})
    servers.append(server)
    return server.start()


def sign_in(server: Server, password: str) -> httpx.Response:
    form = {"username": "admin", "password": password}
    return httpx.post(f"{server.url}/api/v1/auth/login", data=form, timeout=30)


def refresh(server: Server, token: str) -> int:
    answer = httpx.post(
        f"{server.url}/api/v1/auth/refresh", json={"refresh_token": token}, timeout=30
    )
    return answer.status_code


def kids(server: Server) -> list[str]:
    keys = httpx.get(f"{server.url}/.well-known/jwks.json", timeout=30).json()["keys"]
    return sorted(key["kid"] for key in keys)


def key_finding(server: Server) -> dict[str, str]:
    found = json.loads(server.cli("doctor", "--json", check=False).stdout)
    [finding] = [one for one in found if one["check"] == "keys"]
    return dict(finding)


@contextmanager
def under_load(server: Server) -> Iterator[list[str]]:
    """Sign in again and again while the block lasts; the refresh tokens from before it."""
    acknowledged: list[str] = []
    enough, stop = threading.Event(), threading.Event()

    def keep_signing_in() -> None:
        while not stop.is_set():
            answer = sign_in(server, server.first["password"])
            acknowledged.append(answer.json()["refresh_token"])
            if len(acknowledged) >= 60:
                enough.set()

    workers = [threading.Thread(target=keep_signing_in) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        assert enough.wait(60)
        yield list(acknowledged)
    finally:
        stop.set()
        for worker in workers:
            worker.join(60)


def test_a_copy_made_under_load_holds_every_login_from_before_it(
    servers: list[Server], tmp_path: Path
) -> None:
    server = start(servers, tmp_path / "data")
    password = server.first["password"]
    copy = tmp_path / "copy.db"
    with under_load(server) as before:
        server.cli("backup", str(copy))
    restored = Server(tmp_path / "restored", options=dict(server.options))
    restored.data.mkdir()
    restored.cli("restore", str(copy))
    servers.append(restored.start())

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".copy")] == []
    assert restored.first == {}
    assert kids(restored) == kids(server)
    assert sign_in(restored, password).status_code == 200
    assert {refresh(restored, token) for token in before} == {200}


def test_what_stands_against_a_restore_leaves_the_database_as_it_was(
    servers: list[Server], tmp_path: Path
) -> None:
    server = start(servers, tmp_path / "data")
    copy, newer, damaged = (tmp_path / name for name in ("copy.db", "newer.db", "damaged.db"))
    server.cli("backup", str(copy))
    server.cli(
        "user", "create", "later", "--email", "later@example.org", stdin="a long password 1\n"
    )
    shutil.copy(copy, newer)
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    content = bytearray(copy.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    damaged.write_bytes(content)

    def refused(*arguments: str) -> str:
        done = server.cli(*arguments, check=False)
        assert done.returncode == 1, done
        return done.stderr + done.stdout

    assert "exists already" in refused("backup", str(copy))
    assert "in use" in refused("restore", str(copy), "--force")
    assert sign_in(server, server.first["password"]).status_code == 200
    server.stop()
    assert "there is a database" in refused("restore", str(copy))
    assert "newer" in refused("restore", str(newer), "--force")
    assert "Nothing was restored" in refused("restore", str(damaged), "--force")
    assert "later" in server.cli("user", "list", "--json").stdout

    server.cli("restore", str(copy), "--force")

    assert "later" not in server.cli("user", "list", "--json").stdout


def test_without_its_secret_key_the_doctor_says_what_a_copy_lacks(
    servers: list[Server], tmp_path: Path
) -> None:
    server = start(servers, tmp_path / "data")
    server.cli("backup", str(tmp_path / "copy.db"))

    other = Server(tmp_path / "other", options={"secret_key": f"another {KEY}"})
    other.data.mkdir()
    other.cli("restore", str(tmp_path / "copy.db"))

    assert key_finding(other)["state"] == "error"
    assert "secret key" in key_finding(other)["mend"]
    other.options["secret_key"] = KEY
    assert key_finding(other)["state"] == "ok"


def test_a_postgresql_dump_made_under_load_brings_everything_back(
    servers: list[Server], postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    server = start(servers, tmp_path / "data", database_url=url)
    password = server.first["password"]
    dump = tmp_path / "vestibule.dump"
    command = [str(programs() / "pg_dump"), "--format=custom", f"--file={dump}", url]

    with under_load(server) as before:
        subprocess.run(command, check=True, timeout=60)
    after_url = postgres.new_database()
    subprocess.run(
        [programs() / "pg_restore", "--no-owner", f"--dbname={after_url}", "--exit-on-error", dump],
        check=True,
        timeout=60,
    )
    restored = start(servers, tmp_path / "restored", database_url=after_url)

    assert schema.current(after_url) == schema.HEAD
    assert restored.first == {}
    assert kids(restored) == kids(server)
    assert sign_in(restored, password).status_code == 200
    assert {refresh(restored, token) for token in before} == {200}
    assert "pg_dump" in restored.cli("backup", str(tmp_path / "x.db"), check=False).stderr
    restored.stop()
    restored.options["secret_key"] = f"another {KEY}"
    assert key_finding(restored)["state"] == "error"
