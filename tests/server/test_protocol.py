"""A connection that rests is heard later, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from vestibule.http.resting import rest
from vestibule.server.batching import BatchingTransport, Rests
from vestibule.server.protocol import protocol


class HeldRests(Rests):
    """A rest that ends when the test says so."""

    def begin(self, transport: BatchingTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._resting.append(transport)

    def end(self) -> None:
        self._end()


async def tired(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, and lets who asks for `/tiring` rest."""
    if scope["path"] == "/tiring":
        rest(scope)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def listening(rests: Rests) -> AsyncIterator[int]:
    kind = protocol(header_timeout=60)
    kind.rests = rests
    config = uvicorn.Config(tired, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    async with await asyncio.get_running_loop().create_server(
        lambda: kind(config, state, {}), "127.0.0.1", 0
    ) as server:
        yield server.sockets[0].getsockname()[1]
        for connection in list(state.connections):
            connection.transport.abort()


class Caller:
    def __init__(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.reader, self.writer = streams

    def ask(self, path: str) -> asyncio.Task[bytes]:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        return asyncio.create_task(self.reader.readuntil(b"\r\n\r\n"))


async def test_who_rests_is_answered_at_once_and_heard_later() -> None:
    rests = HeldRests()
    async with asyncio.timeout(30), listening(rests) as port:
        one, other = [Caller(await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
        first = await one.ask("/tiring")
        second = one.ask("/")
        for _ in range(5):  # by when a second request that is heard would be answered
            await other.ask("/")
        heard_early = second.done()
        rests.end()
        answer = await second
        await one.ask("/")
        for caller in (one, other):
            caller.writer.close()
            await caller.writer.wait_closed()

    assert first.startswith(b"HTTP/1.1 204 ")
    assert not heard_early
    assert answer.startswith(b"HTTP/1.1 204 ")
