"""An instance is taken away while requests come: none of them fails."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.e2e.conftest import MakeServer
from tests.e2e.server import Server

WORKERS = 4


def keep_asking(server: Server, under_way: threading.Barrier) -> list[tuple[str, int]]:
    """Log in again and again, as clients behind a load balancer do, until it would send nobody.

    Returns what was answered; raises where a connection failed.
    """
    form = {"username": server.first["username"], "password": server.first["password"]}
    answers = []
    with httpx.Client(base_url=server.url, timeout=10) as client:
        while True:
            login = client.post("/api/v1/auth/login", data=form)
            answers.append(("login", login.status_code))
            if len(answers) == 1:
                under_way.wait(10)
            ready = client.get("/api/v1/ready")
            if ready.status_code == 503:
                assert ready.headers["connection"] == "close"
                return [*answers, ("ready", 503)]


def test_no_request_fails_while_an_instance_is_taken_away(
    make_server: MakeServer, shared: dict[str, str]
) -> None:
    server = make_server(
        drain_delay="1.5",
        limit_account="100000/minute",
        limit_address="100000/minute",
        **shared,
    )
    under_way = threading.Barrier(WORKERS + 1)

    with ThreadPoolExecutor(WORKERS) as threads:
        asking = [threads.submit(keep_asking, server, under_way) for _ in range(WORKERS)]
        under_way.wait(10)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        answers = [answer for future in asking for answer in future.result(timeout=20)]
        # It is out of the balancer's list, and answers who has not heard of that.
        late = httpx.get(f"{server.url}/api/v1/health")

    assert set(answers) == {("login", 200), ("ready", 503)}
    assert late.status_code == 200
    assert late.headers["connection"] == "close"
    assert server.process.wait(timeout=20) == 0
    assert '"event":"draining"' in server.log
    assert '"level":"error"' not in server.log


def test_asked_a_second_time_it_ends_at_once(make_server: MakeServer) -> None:
    server = make_server(drain_delay="300")
    assert server.process is not None

    server.process.send_signal(signal.SIGTERM)
    while httpx.get(f"{server.url}/api/v1/ready").status_code == 200:
        pass

    assert server.stop() == 0


def test_without_a_delay_it_ends_as_soon_as_it_can(make_server: MakeServer) -> None:
    server = make_server()

    code = server.stop()

    assert code == 0
    assert "draining" not in server.log
