"""Starting, stopping, and being killed."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from pathlib import Path

import httpx
from sqlalchemy import select

from tests.e2e.conftest import MakeServer
from tests.e2e.server import Server
from tests.world import LOGIN
from vestibule.storage.opening import run_once
from vestibule.users.models import users


def log_in(server: Server, **fields: str) -> httpx.Response:
    own = {"username": server.first["username"], "password": server.first["password"]}
    return httpx.post(f"{server.url}{LOGIN}", data={**own, **fields}, timeout=30)


def test_the_first_start_makes_somebody_to_sign_in_as_and_the_second_nobody(
    make_server: MakeServer,
) -> None:
    server = make_server(migrates=True)
    first = dict(server.first)

    server.stop()
    server.first = {}
    server.start()

    assert server.first == {}
    server.first = first
    assert log_in(server).status_code == 200


def test_secrets_are_the_owners_alone_and_the_password_is_not_in_the_log(
    make_server: MakeServer,
) -> None:
    server = make_server(migrates=True)

    log_in(server)

    assert (server.data / "secret.key").stat().st_mode & 0o777 == 0o600
    assert server.first["password"] not in server.log
    stored = (server.data / "vestibule.db").read_bytes()
    assert server.first["password"].encode() not in stored
    assert b"PRIVATE" not in stored


def test_sigterm_ends_what_is_under_way_then_stops(
    make_server: MakeServer, shared: dict[str, str]
) -> None:
    server = make_server(argon2_memory="65536", argon2_time="12", **shared)
    answers: list[int] = []
    head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n"
    body = f"username=admin&password={server.first['password']}"
    request = (
        head.format(len(body)) + "Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body
    ).encode()
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
    for connection in connections:
        connection.sendall(request[:-1])
    # The service has read all but the last byte once it answers something sent later.
    httpx.get(f"{server.url}/api/v1/health")
    for connection in connections:
        connection.sendall(request[-1:])
    httpx.get(f"{server.url}/api/v1/health")

    def read(connection: socket.socket) -> None:
        answers.append(int(connection.recv(65536)[9:12]))

    readers = [threading.Thread(target=read, args=(c,)) for c in connections]
    for reader in readers:
        reader.start()
    code = server.stop(signal.SIGTERM)
    for reader in readers:
        reader.join()
    for connection in connections:
        connection.close()

    assert code == 0
    assert answers == [200, 200]
    assert json.loads(server.log.splitlines()[-1])["event"] == "stopped"


def test_kill_9_at_any_moment_loses_no_acknowledged_login(make_server: MakeServer) -> None:
    server = make_server(failure_delays="false", limit_account="100000/minute")
    acknowledged: list[str] = []

    for life in range(5):
        done = threading.Event()

        def keep_signing_in(life: int = life, done: threading.Event = done) -> None:
            count = 0
            while not done.is_set():
                request_id = f"life-{life}-{threading.get_ident()}-{count}"
                count += 1
                try:
                    response = httpx.post(
                        f"{server.url}{LOGIN}",
                        data={
                            "username": "admin", "password": server.first["password"],
                        },
                        headers={"X-Request-ID": request_id},
                    )  # fmt: skip
                except httpx.HTTPError:
                    return
                if response.status_code == 200:
                    acknowledged.append(request_id)

        threads = [threading.Thread(target=keep_signing_in) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 15 * (life + 1):
            done.wait(0.01)
        server.stop(signal.SIGKILL)
        done.set()
        for thread in threads:
            thread.join()
        first = server.first
        server.start()
        server.first = first

    with sqlite3.connect(server.data / "vestibule.db") as database:
        written = {row[0] for row in database.execute("SELECT request_id FROM audit_events")}
        tokens = database.execute("SELECT count(*) FROM sessions").fetchone()[0]
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    assert len(acknowledged) >= 75
    assert set(acknowledged) <= written
    assert tokens >= len(acknowledged)
    assert sound == "ok"


def test_kill_9_at_any_moment_loses_no_acknowledged_rotation_or_logout(
    make_server: MakeServer,
) -> None:
    server = make_server(failure_delays="false", limit_account="100000/minute", refresh_grace="120")
    own = {"username": "admin", "password": server.first["password"]}
    logged_out: list[str] = []

    def keep_refreshing(tokens: list[str]) -> None:
        """Refresh, and log out every tenth session; `tokens` ends with what is good now."""
        count = 0
        while True:
            count += 1
            try:
                body = {"refresh_token": tokens[-1]}
                answer = httpx.post(f"{server.url}/api/v1/auth/refresh", json=body)
                tokens.append(answer.json()["refresh_token"])
                if count % 10 == 0:
                    fresh = httpx.post(f"{server.url}{LOGIN}", data=own).json()["refresh_token"]
                    gone = httpx.post(
                        f"{server.url}/api/v1/auth/logout", json={"refresh_token": fresh}
                    )
                    if gone.status_code == 204:
                        logged_out.append(fresh)
            except httpx.HTTPError:
                return

    for _ in range(3):
        chains = [
            [httpx.post(f"{server.url}{LOGIN}", data=own).json()["refresh_token"]] for _ in range(4)
        ]
        threads = [threading.Thread(target=keep_refreshing, args=(chain,)) for chain in chains]
        for thread in threads:
            thread.start()
        while sum(map(len, chains)) < 100:
            threads[0].join(0.01)
        server.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()
        server.start()

        # Where the last rotation was committed but not acknowledged, the grace heals it.
        for chain in chains:
            body = {"refresh_token": chain[-1]}
            answer = httpx.post(f"{server.url}/api/v1/auth/refresh", json=body)
            assert answer.status_code == 200, answer.text
        for token in logged_out:
            answer = httpx.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": token})
            assert answer.status_code == 400, answer.text

    assert len(logged_out) >= 6


def test_two_services_that_start_at_once_on_nothing_make_one_administrator(
    tmp_path: Path, empty: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    options = {"database_url": empty, "database_timeout": "30"}
    servers = [Server(data, options=options) for _ in range(2)]
    threads = [threading.Thread(target=server.start) for server in servers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    made = [server.first for server in servers if server.first]
    found = run_once(empty, lambda c: c.execute(select(users.c.username)).scalars().all())
    for server in servers:
        server.stop(signal.SIGKILL)
    assert [first["username"] for first in made] == found
    assert len(found) == 1
