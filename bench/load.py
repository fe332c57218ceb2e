"""A client that costs little: prepared bytes out, a status and a length in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

WARM_UP = 0.5
"""Seconds in which the clients of a closed loop begin, which are not counted."""


@dataclass(slots=True)
class Answer:
    """One answer: its status, how long it took, and the seconds of `Retry-After`."""

    status: int
    seconds: float
    retry_after: int


@dataclass(slots=True)
class Results:
    """All answers of a run, and how long the run took."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0

    def latencies(self, status: int = 200) -> list[float]:
        """Sorted seconds of the answers of one status."""
        return sorted(a.seconds for a in self.answers if a.status == status)

    def rate(self, status: int = 200) -> float:
        """Answers of one status a second."""
        return len(self.latencies(status)) / self.seconds


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self.lost = False
        """Whether the connection is no more."""

    async def open(self) -> None:
        """Connect."""
        self._loop = asyncio.get_running_loop()
        transport, _ = await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        self._transport = transport
        self.lost = False

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send, and await one answer whole."""
        self._answer = self._loop.create_future()
        self._began = time.perf_counter()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[: end + 2]
        if len(self._received) < end + 4 + int(_field(head, b"\r\ncontent-length: ")):
            return
        self._received = b""
        self.answered(head)

    def answered(self, head: bytes) -> None:
        """An answer is there whole, and begins with this head."""
        assert self._answer is not None
        self._answer.set_result(
            Answer(
                status=int(head[9:12]),
                seconds=time.perf_counter() - self._began,
                retry_after=int(_field(head, b"\r\nretry-after: ")),
            )
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the service hung up"))


def login_request(username: str, password: str) -> bytes:
    """A login as bytes."""
    return post("/api/v1/auth/login", {"username": username, "password": password})


def post(path: str, form: dict[str, str]) -> bytes:
    """A form as bytes."""
    body = urlencode(form).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def closed_loop(
    port: int,
    *,
    at_once: int,
    seconds: float,
    request: Callable[[], bytes],
    connect: Callable[[int], Connection] = Connection,
) -> Results:
    """So many clients, each asking again when it is answered, or after `Retry-After`.

    They begin one after the other within the first half second, which is not counted.
    """
    results = Results()
    opened = time.perf_counter()
    start, end = opened + WARM_UP, opened + WARM_UP + seconds

    async def one(index: int) -> None:
        connection = connect(port)
        await asyncio.sleep(WARM_UP * index / at_once)
        await connection.open()
        while time.perf_counter() < end:
            answer = await connection.ask(request())
            if start <= time.perf_counter() < end:
                results.answers.append(answer)
            if answer.retry_after:
                await asyncio.sleep(answer.retry_after)
        connection.close()

    await asyncio.gather(*(one(i) for i in range(at_once)))
    results.seconds = seconds
    return results


async def probe(
    port: int,
    *,
    seconds: float,
    every: float,
    request: bytes = HEALTH,
    connect: Callable[[int], Connection] = Connection,
) -> Results:
    """Ask for the health of the service at a steady pace, whatever it answers."""
    results = Results()
    connection = connect(port)
    await connection.open()
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        results.answers.append(await connection.ask(request))
        await asyncio.sleep(max(0.0, every - (time.perf_counter() - now)))
    connection.close()
    results.seconds = seconds
    return results


def percentile(sorted_values: list[float], share: float) -> float:
    """The value below which that share of the values lies; nan without values."""
    if not sorted_values:
        return float("nan")
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def _field(head: bytes, name: bytes) -> bytes:
    begin = head.find(name)
    if begin < 0:
        return b"0"
    begin += len(name)
    return head[begin : head.index(b"\r\n", begin)]
