"""What the services ask of a database, whichever it is.

Queries are plain functions of a SQLAlchemy `Connection`, so that the same ones run on the
embedded database and on PostgreSQL. A unit may be run again: it must do nothing but query.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from vestibule import logs
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.lookup import Lookup
from vestibule.storage.together import Together, Values

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Work = Callable[[Connection], T]

LOST = "26000"
"""SQLSTATE of a prepared statement that isn't there: a pooler has changed the connection."""

VALUES = "22"
"""Beginning of SQLSTATEs of values that the database, or its driver, can't take."""

Isolation = Literal["SERIALIZABLE", "READ COMMITTED"]


class Database(Protocol):
    """Reads and writes. All are awaited from the event loop.

    Every method raises `DatabaseUnavailable` where the database can't be reached or doesn't
    answer in time, and lets `IntegrityError` through to the service that knows what it means.
    """

    @property
    def url(self) -> str:
        """Where it is. Holds the password, if there is one."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Look up some rows by key, and return what the unit returns."""
        ...

    async def look_up(self, lookup: Lookup[K, V], key: K) -> V:
        """The same of one key; what others look up at this moment may go along."""
        ...

    async def scan(self, work: Work[T], *, fresh: bool = False) -> T:
        """Run a unit that reads and may take long, and return what it returns.

        It may be answered by a replica, a little behind, unless it must be `fresh`: nothing that
        a replica says decides on a credential.
        """
        ...

    async def write(self, work: Work[T], *, isolation: Isolation = "SERIALIZABLE") -> T:
        """Run a unit in a transaction, and return what it returns once that is committed.

        It runs as if it were alone: what it read still holds when it is committed. One that
        first locks a row and then changes what others have written under that lock says
        `READ COMMITTED`: each of its statements sees what was committed before it.
        """
        ...

    async def write_one(self, work: Work[T]) -> T:
        """Run a unit whose one statement is a transaction of its own: one round trip.

        Its conditions must stand in the statement, on rows that it changes or locks.
        """
        ...

    async def write_together(self, together: Together, values: Values) -> bool:
        """The same of these rows; what others write at this moment may go along.

        Returns whether what they depend on still holds.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then let go of it."""
        ...


def is_embedded(url: str) -> bool:
    """Whether this is the URL of a SQLite file."""
    return url.startswith("sqlite:")


def translated(error: DBAPIError) -> Exception:
    """What a driver's error means to a client: a defect of ours stays what it is."""
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, IntegrityError | ProgrammingError | DataError):
        return error
    if (state or "").startswith(VALUES):
        return ValueError("a value that the database can't hold")  # its own error quotes it
    mend = {}
    if state == LOST:
        mend = {"mend": "behind a pooler set VESTIBULE_DATABASE_PREPARE=false"}
    logs.get("storage").error("database unavailable", error=str(error.orig), **mend)
    return DatabaseUnavailable()
