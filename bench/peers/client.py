"""A connection for every service: also for those that hang up after each answer."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from bench.load import Answer, Connection

TRIES = 3
"""A server may close an idle connection at the moment at which it is written to."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole answer: its status, whether the connection stays, the seconds of `Retry-After`."""

    status: int
    kept: bool
    retry_after: int


def parse(received: bytes, *, ended: bool) -> Parsed | None:
    """The answer, once it is whole (RFC 9112 §6.3); `ended` when the server has hung up."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    head = head.lower() + b"\r\n"
    length, closes = _field(head, b"content-length"), _field(head, b"connection") == b"close"
    if _field(head, b"transfer-encoding") == b"chunked":
        whole = body.endswith(b"0\r\n\r\n")
    elif length is not None:
        whole = len(body) >= int(length)
    else:
        whole, closes = ended, True
    if not whole:
        return None
    retry_after = _field(head, b"retry-after") or b""
    return Parsed(
        status=int(head[9:12]),
        kept=not closes and head.startswith(b"http/1.1"),
        retry_after=int(retry_after) if retry_after.isdigit() else 0,
    )


def _field(head: bytes, name: bytes) -> bytes | None:
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r\n]*?)[ \t]*\r\n", head)
    return found[1] if found else None


class Patient(Connection):
    """One request at a time; opened again where the server closed it, which counts as time."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._open = False

    async def open(self) -> None:
        self._received = b""
        await super().open()
        self._open = True

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        return asyncio.ensure_future(self._ask(request))

    async def _ask(self, request: bytes) -> Answer:
        began = time.perf_counter()
        for tries_left in reversed(range(TRIES)):
            if not self._open:
                await self.open()
            try:
                answer = await super().ask(request)
            except ConnectionError:
                if not tries_left:
                    raise
                continue
            answer.seconds = time.perf_counter() - began
            return answer
        raise AssertionError("the last try returns or raises")

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._settle(ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        self._settle(ended=True)
        super().connection_lost(exc)

    def _settle(self, *, ended: bool) -> None:
        if self._answer is None or self._answer.done():
            return
        parsed = parse(self._received, ended=ended)
        if parsed is None:
            return
        self._received = b""
        if not parsed.kept:
            self._open = False
            self._transport.close()
        self._answer.set_result(
            Answer(
                status=parsed.status,
                seconds=time.perf_counter() - self._began,
                retry_after=parsed.retry_after,
            )
        )
