"""Ports for the servers that tests start."""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator

LOWEST, ABOVE = 10_240, 10_000
"""All are below those that the kernel gives to connections, which would take them at any moment;
the nodes of a Redis Cluster talk to one another so many ports higher, below them as well."""


def free_port() -> int:
    """A port of the loopback address at which nobody listens, nor so many `ABOVE` it.

    What runs tests beside this process takes others, and this process takes none twice in a row.
    """
    return next(port for port in _turns if _is_free(port) and _is_free(port + ABOVE))


def _own() -> Iterator[int]:
    """The ports of this process, in any order, again and again."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = list(range(LOWEST + worker, LOWEST + ABOVE, workers))
    random.shuffle(ports)
    return itertools.cycle(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_turns = _own()
