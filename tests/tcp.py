"""A way to a server that can be cut at a chosen word."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Hands everything on between its clients and a port of the loopback address."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._word: bytes | None = None
        self._sockets: list[socket.socket] = []
        self.flights = 0
        """How often clients have sent something: each is one round trip."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        for one in self._sockets:
            _close(one)

    def cut_after(self, word: bytes) -> None:
        """Hand on what holds this word, then cut that connection, once."""
        self._word = word

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for source, target, is_client in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._hand_on, args=(source, target, is_client), daemon=True
                    ).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                cut = is_client and self._word is not None and self._word in data
                if cut:
                    self._word = None
                    _close(source)  # first, so that no answer is quicker than the cut
                self.flights += is_client  # first, so that no answer is quicker than the count
                target.sendall(data)
                if cut:
                    break
        _close(source)
        _close(target)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
