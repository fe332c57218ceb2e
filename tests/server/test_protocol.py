"""HTTP/1.1 as it is spoken over a real socket: who rests, and who is hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from vestibule.http.resting import rest
from vestibule.server.batching import BatchingTransport, Rests
from vestibule.server.protocol import EnvelopeProtocol, protocol

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class HeldRests(Rests):
    """A rest that ends when the test says so."""

    def begin(self, transport: BatchingTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._resting.append(transport)

    def end(self) -> None:
        self._end(asyncio.get_running_loop())


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs on the loop that the service has where it can, and on that of the standard library."""

    def go(scenario: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(scenario)

    return go


async def tired(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body, and lets who asks for `/tiring` rest."""
    if scope["path"] == "/tiring":
        rest(scope)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, path: str, *, body: int = 0) -> asyncio.Task[bytes]:
        """The head of the answer; the body that was announced is not sent."""
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {body}\r\n\r\n"
        self.writer.write(head.encode())
        return asyncio.create_task(self.reader.readuntil(b"\r\n\r\n"))


class Listening:
    def __init__(self, rests: HeldRests, state: ServerState, port: int) -> None:
        self.rests, self.state, self.port = rests, state, port
        self.callers: list[Caller] = []

    async def caller(self) -> Caller:
        self.callers.append(Caller(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.callers[-1]


@asynccontextmanager
async def listening(*, keep_alive: int = 60) -> AsyncIterator[Listening]:
    kind = protocol(header_timeout=60)
    kind.rests = rests = HeldRests()
    config = uvicorn.Config(tired, log_config=None, lifespan="off", timeout_keep_alive=keep_alive)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    async with (
        asyncio.timeout(30),
        await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0) as server,
    ):
        made = Listening(rests, state, server.sockets[0].getsockname()[1])
        try:
            yield made
        finally:
            for caller in made.callers:
                caller.writer.close()
            for connection in list(state.connections):
                connection.transport.abort()


async def settled(server: Listening) -> None:
    """By when whatever was sent before has been read, where it is read at all."""
    other = await server.caller()
    for _ in range(5):
        await other.ask("/")


def test_who_rests_is_answered_at_once_and_heard_later(run: Run) -> None:
    async def scenario() -> tuple[bytes, bool, bytes]:
        async with listening() as server:
            one = await server.caller()
            first = await one.ask("/tiring")
            second = one.ask("/")
            await settled(server)
            heard_early = second.done()
            server.rests.end()
            answer = await second
            await one.ask("/")
            return first, heard_early, answer

    first, heard_early, answer = run(scenario())

    assert first.startswith(b"HTTP/1.1 204 ")
    assert not heard_early
    assert answer.startswith(b"HTTP/1.1 204 ")


def test_what_was_sent_during_a_rest_is_answered_before_the_server_ends(run: Run) -> None:
    async def scenario() -> tuple[bytes, list[bytes]]:
        async with listening() as server:
            one = await server.caller()
            await one.ask("/tiring")
            second = one.ask("/")
            await settled(server)
            for connection in list(server.state.connections):
                connection.shutdown()
            answer = await second
            return answer, [await caller.reader.read() for caller in server.callers]

    answer, ends = run(scenario())

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert ends == [b"", b""]


@pytest.mark.parametrize(("length", "late"), [(20, b"a piece of it"), (0, b"\r\n")])
def test_what_is_no_request_does_not_keep_a_connection(run: Run, length: int, late: bytes) -> None:
    async def scenario() -> tuple[float, float]:
        async with listening() as server:
            one = await server.caller()
            await one.ask("/", body=length)
            (connection,) = server.state.connections
            assert isinstance(connection, EnvelopeProtocol)
            first = connection.timeout_keep_alive_task
            one.writer.write(late)
            await settled(server)
            then = connection.timeout_keep_alive_task
            assert first is not None
            assert then is not None
            assert then is not first
            return first.when(), then.when()

    before, after = run(scenario())

    assert after == pytest.approx(before, abs=0.002)  # uvloop counts in milliseconds
