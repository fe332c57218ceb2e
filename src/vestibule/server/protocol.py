"""HTTP/1.1 on the wire: uvicorn's protocol, its refusals in the envelope, its patience bounded.

What can't be parsed never reaches the application, so the envelope for it is written here.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from vestibule.errors import InvalidRequest
from vestibule.http import resting
from vestibule.ids import new_hex
from vestibule.server.batching import BatchingTransport, Rests

MAX_OVERHEAD = 128 * 1024
"""Bytes of request line, headers, chunk framing and trailers of one request. A body's own
bytes are the application's to count."""


class EnvelopeProtocol(HttpToolsProtocol):
    """Also ends connections that are slow to send their headers, or send without end."""

    header_timeout = 10.0
    rests: Rests

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._overhead = 0
        self._received = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        socket = cast(asyncio.Transport, transport)
        self._batching = BatchingTransport(socket, self.loop, self.rests)
        super().connection_made(self._batching)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received = len(data)
        self._overhead += len(data)
        patience = self.timeout_keep_alive_task
        super().data_received(data)
        if patience is not None and self._is_idle():
            # What came was no request: the rest of a body of which nobody wanted to know, or an
            # empty line. It does not prolong how long the next one is waited for.
            self.timeout_keep_alive_task = self.loop.call_at(
                patience.when(), self.timeout_keep_alive_handler
            )
        if self._overhead > MAX_OVERHEAD and not self.transport.is_closing():
            self.send_400_response("The request head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        resting.offer(cast(Scope, self.scope), self._batching.rest)
        # What began somewhere in these bytes is charged with all of them.
        self._overhead = self._received
        if self._deadline is None:
            self._arm()

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        super().on_body(body)

    def shutdown(self) -> None:
        """Hang up where nothing is under way; what was sent during a rest is."""
        self._batching.rested()
        # In the first turn it is read, whichever loop it is.
        self.loop.call_soon(self.loop.call_soon, super().shutdown)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP request, and hang up."""
        error = InvalidRequest(msg if msg.startswith("The ") else None)
        body = json.dumps(error.payload(), separators=(",", ":")).encode()
        head = [
            STATUS_LINE[error.status],
            *(b"%s: %s\r\n" % header for header in self.server_state.default_headers),
            b"content-type: application/json\r\n",
            b"content-length: %d\r\n" % len(body),
            b"cache-control: no-store\r\n",
            b"x-content-type-options: nosniff\r\n",
            b"x-request-id: %s\r\n" % new_hex().encode(),
            b"connection: close\r\n\r\n",
        ]
        self._disarm()
        self.transport.write(b"".join(head) + body)
        self.transport.close()

    def _is_idle(self) -> bool:
        return (
            self.cycle is not None
            and self.cycle.response_complete
            and self._deadline is None
            and self.timeout_keep_alive_task is None
            and not self.transport.is_closing()
        )

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self.header_timeout, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.send_400_response("The request head did not arrive in time")


def protocol(*, header_timeout: float) -> type[EnvelopeProtocol]:
    """The protocol with this patience, in seconds."""
    return type(
        "Protocol", (EnvelopeProtocol,), {"header_timeout": header_timeout, "rests": Rests()}
    )
