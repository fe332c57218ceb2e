"""Ports for the servers that tests start."""

from __future__ import annotations

import fcntl
import itertools
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import gettempdir

LOWEST, ABOVE = 10_240, 10_000
"""All are below those that the kernel gives to connections, which would take them at any moment;
the nodes of a Redis Cluster talk to one another so many ports higher, below them as well."""
SHARES = 50


def free_port() -> int:
    """A port of the loopback address at which nobody listens, nor so many `ABOVE` it.

    Whatever else tests on this machine takes others, and this process takes none twice in a row.
    """
    return next(port for port in _turns if _is_free(port) and _is_free(port + ABOVE))


def _own() -> Iterator[int]:
    """The ports of this process, in any order, again and again."""
    ports = list(range(LOWEST + _share(), LOWEST + ABOVE, SHARES))
    random.shuffle(ports)
    return itertools.cycle(ports)


def _share() -> int:
    """A number that no other process has until this one ends."""
    for number in range(SHARES):
        with ExitStack() as stack, suppress(OSError):  # of what is another's
            path = Path(gettempdir()) / f"vestibule-ports-{number}.lock"
            lock = stack.enter_context(path.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _held.append(stack.pop_all())
            return number
    return random.randrange(SHARES)


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_held: list[ExitStack] = []
_turns = _own()
