"""What one turn of the loop writes is sent as one, in its order, and nothing of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from vestibule.server.joining import MOST, JoiningTransport


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


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def joining(recorded: Recorded) -> JoiningTransport:
    return JoiningTransport(recorded, asyncio.get_running_loop())


async def test_a_head_and_its_body_are_sent_as_one(
    joining: JoiningTransport, recorded: Recorded
) -> None:
    joining.write(b"head ")
    joining.write(b"body")
    assert recorded.told == []

    await asyncio.sleep(0)
    joining.write(b"next")
    await asyncio.sleep(0)

    assert recorded.told == [b"head body", b"next"]


async def test_what_was_written_before_the_end_is_sent_before_it(
    joining: JoiningTransport, recorded: Recorded
) -> None:
    joining.write(b"answer")
    joining.close()
    await asyncio.sleep(0)

    assert recorded.told == [b"answer", "closed"]


async def test_much_is_sent_at_once(joining: JoiningTransport, recorded: Recorded) -> None:
    joining.write(b"head ")
    joining.write(bytes(MOST))
    assert recorded.told == [b"head " + bytes(MOST)]

    joining.write(b"rest")
    await asyncio.sleep(0)

    assert recorded.told[1:] == [b"rest"]


async def test_to_a_connection_that_was_lost_nothing_is_sent(
    joining: JoiningTransport, recorded: Recorded
) -> None:
    joining.write(b"answer")
    recorded.closing = True
    await asyncio.sleep(0)

    assert recorded.told == []
    joining.abort()
    assert recorded.told == ["aborted"]
