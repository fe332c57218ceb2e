"""Connections that are used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, LifoQueue

import ldap
from ldap.ldapobject import SimpleLDAPObject

from vestibule.identity.ldap.servers import Deadline


class Connections:
    """Idle connections of one kind; each is used by one thread at a time."""

    def __init__(self, make: Callable[[Deadline], SimpleLDAPObject], *, size: int) -> None:
        self._make = make
        self._idle: LifoQueue[SimpleLDAPObject] = LifoQueue(size)
        self._closed = False
        self.made = 0
        """How many were opened since the start."""

    @contextmanager
    def one(self, deadline: Deadline, *, fresh: bool = False) -> Iterator[SimpleLDAPObject]:
        """A connection for as long as the block lasts; `fresh`, one that nobody has used.

        It is used again unless the block ends with an exception.
        """
        connection = None if fresh else self._waiting()
        if connection is None:
            connection = self._make(deadline)
            self.made += 1
        try:
            yield connection
        except BaseException:
            _let_go(connection)
            raise
        try:
            if self._closed:
                raise Full
            self._idle.put_nowait(connection)
        except Full:
            _let_go(connection)

    @property
    def has_idle(self) -> bool:
        """Whether one waits that may have died meanwhile."""
        return not self._idle.empty()

    def close(self) -> None:
        """Let all idle ones go, and the others when they come back."""
        self._closed = True
        while (connection := self._waiting()) is not None:
            _let_go(connection)

    def _waiting(self) -> SimpleLDAPObject | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None


def _let_go(connection: SimpleLDAPObject) -> None:
    with suppress(ldap.LDAPError):
        connection.unbind_ext_s()
