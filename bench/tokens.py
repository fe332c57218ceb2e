"""After the login: refreshes and introspections a second, per core that the service uses."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench import service
from bench.load import Connection, login_request, percentile
from bench.measures import COMMAND, run

ROUNDS = 5
SECONDS = 5.0
AT_ONCE = 32
SESSIONS = 64


class Reader(Connection):
    """Also keeps the body of the last answer: the next request is made of it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        before = self._received + data
        super().data_received(data)
        if not self._received:
            self.body = before.partition(b"\r\n\r\n")[2]

    async def ask_json(self, request: bytes) -> tuple[int, dict[str, str]]:
        """Status and object."""
        answer = await self.ask(request)
        return answer.status, json.loads(self.body)


def form(path: str, fields: dict[str, str], authorization: str = "") -> bytes:
    """A form as bytes."""
    body = urlencode(fields).encode()
    extra = f"Authorization: {authorization}\r\n" if authorization else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{extra}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def basic(client_id: str, secret: str) -> str:
    """The field of `client_secret_basic`."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


async def _sign_in(port: int, count: int) -> list[dict[str, str]]:
    """So many logins, a few at once."""
    found: list[dict[str, str]] = []

    async def some(first: int) -> None:
        reader = Reader(port)
        await reader.open()
        for i in range(first, count, 8):
            status, body = await reader.ask_json(login_request(f"user{i}", service.PASSWORD))
            if status != 200:
                raise RuntimeError(f"login was answered {status}")
            found.append(body)
        reader.close()

    await asyncio.gather(*(some(first) for first in range(8)))
    return found


async def _refreshing(port: int, tokens: list[dict[str, str]]) -> tuple[int, list[float]]:
    """Refresh each session again and again; how many, and how long each took."""
    taken: list[float] = []
    end = time.perf_counter() + SECONDS

    async def one(session: dict[str, str]) -> None:
        reader = Reader(port)
        await reader.open()
        while time.perf_counter() < end:
            began = time.perf_counter()
            status, body = await reader.ask_json(
                form(
                    "/oauth2/token",
                    {
                        "grant_type": "refresh_token",
                        "client_id": "vestibule",
                        "refresh_token": session["refresh_token"],
                    },
                )
            )
            if status != 200:
                raise RuntimeError(f"refresh was answered {status}: {body}")
            session.update(body)
            taken.append(time.perf_counter() - began)
        reader.close()

    await asyncio.gather(*(one(session) for session in tokens[:AT_ONCE]))
    return len(taken), sorted(taken)


async def _introspecting(
    port: int, tokens: list[dict[str, str]], authorization: str
) -> tuple[int, list[float]]:
    """Introspect the access tokens in turn."""
    taken: list[float] = []
    requests = [
        form("/oauth2/introspect", {"token": session["access_token"]}, authorization)
        for session in tokens
    ]
    end = time.perf_counter() + SECONDS

    async def one(index: int) -> None:
        connection = Reader(port)
        await connection.open()
        while time.perf_counter() < end:
            index = (index + 1) % len(requests)
            answer = await connection.ask(requests[index])
            if answer.status != 200 or not connection.body.startswith(b'{"active":true'):
                raise RuntimeError(f"introspection was answered {answer.status}")
            taken.append(answer.seconds)
        connection.close()

    await asyncio.gather(*(one(i) for i in range(AT_ONCE)))
    return len(taken), sorted(taken)


def _table(
    name: str,
    target: service.Service,
    goal: int,
    measure: Callable[[], tuple[int, list[float]]],
) -> Iterator[str]:
    yield f"| round | {name}/s | core-microseconds each | {name}/s per core | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|"
    rates = []
    for index in range(1, ROUNDS + 1):
        before, began = target.cpu_seconds(), time.perf_counter()
        count, taken = measure()
        cpu, seconds = target.cpu_seconds() - before, time.perf_counter() - began
        rates.append(count / cpu)
        yield (
            f"| {index} | {count / seconds:,.0f} | {1e6 * cpu / count:.0f} | {rates[-1]:,.0f} "
            f"| {1000 * percentile(taken, 0.5):.1f} | {1000 * percentile(taken, 0.99):.1f} |"
        )
    yield ""
    yield f"- {name} per second per core: median {statistics.median(rates):,.0f} (goal {goal:,})"


def refreshes() -> Iterator[str]:
    """Rotations a second: each is one form, one commit, one signed token."""
    with service.running() as target:
        tokens = run(_sign_in(target.port, SESSIONS))
        yield from _table("refreshes", target, 1200, lambda: run(_refreshing(target.port, tokens)))


def introspections() -> Iterator[str]:
    """Introspections a second, of tokens of 64 sessions in turn."""
    with tempfile.TemporaryDirectory() as folder:
        service.populate(Path(folder), 1000)
        done = subprocess.run(
            [COMMAND, "client", "create", "backend", "--json"],
            env={**os.environ, "VESTIBULE_DATA_DIR": folder},
            check=True,
            capture_output=True,
            text=True,
        )
        authorization = basic("backend", json.loads(done.stdout)["client_secret"])
        with service.started(Path(folder)) as target:
            tokens = run(_sign_in(target.port, SESSIONS))
            yield from _table(
                "introspections",
                target,
                2000,
                lambda: run(_introspecting(target.port, tokens, authorization)),
            )
