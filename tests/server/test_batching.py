"""What one turn of the loop writes is sent as one, in its order, and nothing of it is lost.

And connections that rest take nothing in until all of them do again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

import pytest

from vestibule.server.batching import MOST, REST, BatchingTransport, Rests


class Recorded(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.closing = True
        self.told.append("closed")

    def abort(self) -> None:
        self.closing = True
        self.told.append("aborted")

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.told.append("paused")

    def resume_reading(self) -> None:
        self.told.append("resumed")


class Timers:
    """In the loop's place: rings when the test says so."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: object) -> None:
        self.set.append((delay, partial(callback, *arguments)))

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()

    def ring(self) -> None:
        (_, callback) = self.set.pop(0)
        callback()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def batching(recorded: Recorded) -> BatchingTransport:
    return BatchingTransport(recorded, asyncio.get_running_loop(), Rests())


async def test_a_head_and_its_body_are_sent_as_one(
    batching: BatchingTransport, recorded: Recorded
) -> None:
    batching.write(b"head ")
    batching.write(b"body")
    assert recorded.told == []

    await asyncio.sleep(0)
    batching.write(b"next")
    await asyncio.sleep(0)

    assert recorded.told == [b"head body", b"next"]


async def test_what_was_written_before_the_end_is_sent_before_it(
    batching: BatchingTransport, recorded: Recorded
) -> None:
    batching.write(b"answer")
    batching.close()
    await asyncio.sleep(0)

    assert recorded.told == [b"answer", "closed"]


async def test_much_is_sent_at_once(batching: BatchingTransport, recorded: Recorded) -> None:
    batching.write(b"head ")
    batching.write(bytes(MOST))
    assert recorded.told == [b"head " + bytes(MOST)]

    batching.write(b"rest")
    await asyncio.sleep(0)

    assert recorded.told[1:] == [b"rest"]


async def test_to_a_connection_that_was_lost_nothing_is_sent(
    batching: BatchingTransport, recorded: Recorded
) -> None:
    batching.write(b"answer")
    recorded.closing = True
    await asyncio.sleep(0)

    assert recorded.told == []
    batching.abort()
    assert recorded.told == ["aborted"]


# Rests


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
def resting(recorded: Recorded, timers: Timers, rests: Rests) -> BatchingTransport:
    return BatchingTransport(recorded, cast(asyncio.AbstractEventLoop, timers), rests)


def test_all_that_rest_are_heard_again_together(
    resting: BatchingTransport, recorded: Recorded, timers: Timers, rests: Rests
) -> None:
    latecomer = Recorded()
    other = BatchingTransport(latecomer, cast(asyncio.AbstractEventLoop, timers), rests)
    resting.rest()
    resting.rest()
    other.rest()

    assert (recorded.told, latecomer.told) == (["paused"], ["paused"])
    assert [delay for delay, _ in timers.set] == [REST]
    timers.ring()

    assert (recorded.told, latecomer.told) == (["paused", "resumed"], ["paused", "resumed"])
    resting.rest()
    assert len(timers.set) == 1


def test_who_was_paused_besides_is_so_after_the_rest(
    resting: BatchingTransport, recorded: Recorded, timers: Timers
) -> None:
    resting.rest()
    resting.pause_reading()
    timers.ring()
    assert recorded.told == ["paused"]

    resting.resume_reading()

    assert recorded.told == ["paused", "resumed"]


def test_nobody_ends_a_rest_early(
    resting: BatchingTransport, recorded: Recorded, timers: Timers
) -> None:
    resting.pause_reading()
    resting.rest()
    resting.resume_reading()
    assert recorded.told == ["paused"]

    timers.ring()

    assert recorded.told == ["paused", "resumed"]


def test_who_has_hung_up_neither_rests_nor_is_heard_again(
    resting: BatchingTransport, recorded: Recorded, timers: Timers
) -> None:
    resting.rest()
    resting.close()
    timers.ring()
    resting.rest()

    assert recorded.told == ["paused", "closed"]
    assert timers.set == []
