"""Doing several things of the network at once: each wakes a process that finds its caches cold.

The head and the body of an answer are sent as one. Connections that rest are listened to together.
"""

from __future__ import annotations

import asyncio
from typing import Any

MOST = 64 * 1024
"""Bytes that wait for the end of this turn of the loop; with more, all of it is sent at once."""

REST = 0.025
"""Seconds at the most. Nobody notices that an answer comes so much later."""


class Rests:
    """The connections of a process that rest. All end their rest together."""

    def __init__(self) -> None:
        self._resting: list[BatchingTransport] = []

    def begin(self, transport: BatchingTransport, loop: asyncio.AbstractEventLoop) -> None:
        """It rests from now on, and as long as the first of those that rest."""
        if not self._resting:
            loop.call_later(REST, self._end, loop)
        self._resting.append(transport)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        resting, self._resting = self._resting, []
        for transport in resting:
            loop.call_soon(transport.rested)  # whatever one raises, the others go on


class BatchingTransport(asyncio.Transport):
    """A transport around another one, which gets what one turn of the loop has written at once."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, rests: Rests
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._rests = rests
        self._paused = self._resting = False
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, soon."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(bytes(data))
        self._size += len(data)
        if self._size > MOST:
            self._send()

    def close(self) -> None:
        """Send what waits, then hang up."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._waiting.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it has been hung up."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take nothing in."""
        if not self._paused and not self._resting:
            self._transport.pause_reading()
        self._paused = True

    def resume_reading(self) -> None:
        """Take in again, after the rest if there is one."""
        if self._paused and not self._resting:
            self._transport.resume_reading()
        self._paused = False

    def rest(self) -> None:
        """Take nothing in for a moment; then be heard together with all others that rest."""
        if self._resting or self.is_closing():
            return
        if not self._paused:
            self._transport.pause_reading()
        self._resting = True
        self._rests.begin(self, self._loop)

    def rested(self) -> None:
        """The rest is over, where it is not already."""
        if not self._resting:
            return
        self._resting = False
        if not self._paused and not self.is_closing():
            self._transport.resume_reading()

    def _send(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting and not self._transport.is_closing():
            self._transport.write(b"".join(waiting))
