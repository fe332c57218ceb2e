"""After the login: refreshes and introspections a second, per core that the service uses."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from bench import service
from bench.cpu import LOAD, MACHINE, Meters, between
from bench.load import Connection, login_request, percentile
from bench.measures import COMMAND, run

ROUNDS = 5
SECONDS = 5.0
AT_ONCE = 32
SESSIONS = 64
SERVICE = "service"
"""The part whose processor time "per core" means."""


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


async def sign_in(
    ports: Sequence[int], usernames: Sequence[str], *, at_once: int = 8
) -> tuple[list[dict[str, str]], list[float]]:
    """Log all of these in, a few at once, at the ports in turn.

    Their tokens, in the same order, and the sorted seconds that each login took.
    """
    found: list[dict[str, str]] = [{} for _ in usernames]
    taken: list[float] = []

    async def some(first: int) -> None:
        reader = Reader(ports[first % len(ports)])
        await reader.open()
        for i in range(first, len(usernames), at_once):
            began = time.perf_counter()
            status, found[i] = await reader.ask_json(login_request(usernames[i], service.PASSWORD))
            taken.append(time.perf_counter() - began)
            if status != 200:
                raise RuntimeError(f"login was answered {status}")
        reader.close()

    await asyncio.gather(*(some(first) for first in range(at_once)))
    return found, sorted(taken)


async def _readers(ports: Sequence[int]) -> list[Reader]:
    readers = [Reader(port) for port in ports]
    await asyncio.gather(*(reader.open() for reader in readers))
    return readers


async def refreshing(
    ports: Sequence[int], tokens: Sequence[dict[str, str]], *, seconds: float
) -> tuple[int, list[float]]:
    """A client for each session, which refreshes it again and again, at the ports in turn.

    The sessions' tokens are replaced by those that came. How many, and the sorted seconds of each.
    """
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one(session: dict[str, str]) -> None:
        readers = await _readers(ports)
        for reader in itertools.cycle(readers):
            began = time.perf_counter()
            if began >= end:
                break
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
        for reader in readers:
            reader.close()

    await asyncio.gather(*(one(session) for session in tokens))
    return len(taken), sorted(taken)


async def introspecting(
    ports: Sequence[int],
    tokens: Sequence[dict[str, str]],
    authorization: str,
    *,
    seconds: float,
    at_once: int = AT_ONCE,
) -> tuple[int, list[float]]:
    """Introspect the access tokens in turn, at the ports in turn.

    How many, and the sorted seconds of each.
    """
    taken: list[float] = []
    requests = [
        form("/oauth2/introspect", {"token": session["access_token"]}, authorization)
        for session in tokens
    ]
    end = time.perf_counter() + seconds

    async def one(index: int) -> None:
        connections = await _readers(ports)
        for connection in itertools.cycle(connections):
            if time.perf_counter() >= end:
                break
            index = (index + 1) % len(requests)
            answer = await connection.ask(requests[index])
            if answer.status != 200 or not connection.body.startswith(b'{"active":true'):
                raise RuntimeError(f"introspection was answered {answer.status}")
            taken.append(answer.seconds)
        for connection in connections:
            connection.close()

    # Each begins at another token, as far from the others as there are tokens.
    await asyncio.gather(*(one(i * len(requests) // at_once) for i in range(at_once)))
    return len(taken), sorted(taken)


def table(
    name: str,
    meters: Meters,
    goal: int,
    measure: Callable[[], tuple[int, list[float]]],
    *,
    rounds: int,
) -> Iterator[str]:
    """Rates by the processor time of the services alone; that of other parts stands beside it."""
    others = [part for part in meters.read() if part not in (SERVICE, LOAD, MACHINE)]
    columns = [
        "round", f"{name}/s", "core-microseconds each", f"{name}/s per core",
        *(f"{part} core-microseconds" for part in others), "p50 ms", "p99 ms",
    ]  # fmt: skip
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    rates = []
    for index in range(1, rounds + 1):
        before, began = meters.read(), time.perf_counter()
        count, taken = measure()
        used, seconds = between(before, meters.read()), time.perf_counter() - began
        rates.append(count / used[SERVICE])
        cells = [
            f"{index}", f"{count / seconds:,.0f}", f"{1e6 * used[SERVICE] / count:.0f}",
            f"{rates[-1]:,.0f}", *(f"{1e6 * used[part] / count:.0f}" for part in others),
            f"{1000 * percentile(taken, 0.5):.1f}", f"{1000 * percentile(taken, 0.99):.1f}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"- {name} per second per core: median {statistics.median(rates):,.0f} (goal {goal:,})"


def create_client(environment: Mapping[str, str]) -> str:
    """Make a confidential client by the command, and return its field `Authorization`."""
    client_id = f"backend-{secrets.token_hex(4)}"
    done = subprocess.run(
        [COMMAND, "client", "create", client_id, "--json"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return basic(client_id, json.loads(done.stdout)["client_secret"])


def usernames(count: int) -> list[str]:
    """The first users."""
    return [f"user{i}" for i in range(count)]


def refreshes() -> Iterator[str]:
    """Rotations a second: each is one form, one commit, one signed token."""
    with service.running() as target:
        tokens, _ = run(sign_in([target.port], usernames(AT_ONCE)))
        yield from table(
            "refreshes",
            Meters({SERVICE: [target.pid]}),
            1200,
            lambda: run(refreshing([target.port], tokens, seconds=SECONDS)),
            rounds=ROUNDS,
        )


def introspections() -> Iterator[str]:
    """Introspections a second, of tokens of 64 sessions in turn."""
    with tempfile.TemporaryDirectory() as folder:
        service.populate(Path(folder), 1000)
        authorization = create_client({"VESTIBULE_DATA_DIR": folder})
        with service.started(Path(folder)) as target:
            tokens, _ = run(sign_in([target.port], usernames(SESSIONS)))
            yield from table(
                "introspections",
                Meters({SERVICE: [target.pid]}),
                2000,
                lambda: run(introspecting([target.port], tokens, authorization, seconds=SECONDS)),
                rounds=ROUNDS,
            )
