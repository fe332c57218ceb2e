"""A database whose units are measured and traced, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeVar

from vestibule.clock import Clock
from vestibule.errors import DatabaseUnavailable
from vestibule.metrics.service import Metrics
from vestibule.storage.database import Database, Isolation, K, V, Work, is_embedded
from vestibule.storage.lookup import Lookup
from vestibule.storage.together import Together, Values
from vestibule.tracing.spans import Tracing

T = TypeVar("T")

Kind = Literal["read", "scan", "write"]


@dataclass(frozen=True, slots=True)
class Load:
    """Connections, and units that have none yet."""

    size: int
    in_use: int
    waiting: int


class MeteredDatabase:
    """A `Database` around another one."""

    def __init__(
        self, database: Database, *, metrics: Metrics, tracing: Tracing, clock: Clock
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._tracing = tracing
        self._clock = clock
        self._writing = 0
        system = "sqlite" if is_embedded(database.url) else "postgresql"
        self._attributes: dict[Kind, dict[str, str]] = {
            kind: {"db.system.name": system, "db.operation.name": kind}
            for kind in ("read", "scan", "write")
        }

    @property
    def url(self) -> str:
        """Where it is. Holds the password, if there is one."""
        return self._database.url

    @property
    def load(self) -> Load:
        """How busy it is, at this moment."""
        pool = getattr(self._database, "pool", None)
        if pool is None:
            # One writer, and reads that need no connection of their own.
            in_use = min(1, self._writing)
            return Load(size=1, in_use=in_use, waiting=self._writing - in_use)
        waiting: int = self._database.waiting  # type: ignore[attr-defined]
        return Load(size=pool.size(), in_use=pool.checkedout(), waiting=waiting)

    @property
    def retries(self) -> dict[str, int]:
        """Units that were run again since the start, by the reason."""
        counts = getattr(self._database, "counts", None)
        if counts is None:
            return {"conflict": 0, "outage": 0}
        return {"conflict": counts.conflicts, "outage": counts.outages}

    async def read(self, work: Work[T]) -> T:
        """As `Database.read`."""
        with _Unit(self, "read"):
            return await self._database.read(work)

    async def look_up(self, lookup: Lookup[K, V], key: K) -> V:
        """As `Database.look_up`."""
        with _Unit(self, "read"):
            return await self._database.look_up(lookup, key)

    async def scan(self, work: Work[T], *, fresh: bool = False) -> T:
        """As `Database.scan`."""
        with _Unit(self, "scan"):
            return await self._database.scan(work, fresh=fresh)

    async def write(self, work: Work[T], *, isolation: Isolation = "SERIALIZABLE") -> T:
        """As `Database.write`."""
        with _Unit(self, "write"):
            return await self._database.write(work, isolation=isolation)

    async def write_one(self, work: Work[T]) -> T:
        """As `Database.write_one`."""
        with _Unit(self, "write"):
            return await self._database.write_one(work)

    async def write_together(self, together: Together, values: Values) -> bool:
        """As `Database.write_together`."""
        with _Unit(self, "write"):
            return await self._database.write_together(together, values)

    async def close(self) -> None:
        """As `Database.close`."""
        await self._database.close()


class _Unit:
    """The block around one unit; a class, because a generator would cost twice as much."""

    __slots__ = ("_began", "_database", "_kind", "_step")

    def __init__(self, database: MeteredDatabase, kind: Kind) -> None:
        self._database = database
        self._kind = kind

    def __enter__(self) -> None:
        database, kind = self._database, self._kind
        database._writing += kind == "write"
        self._began = database._clock.monotonic()
        self._step = database._tracing.step(
            f"database {kind}", database._attributes[kind], remote=True
        )
        self._step.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        database = self._database
        self._step.__exit__(kind, error, traceback)
        database._writing -= self._kind == "write"
        database._metrics.database(self._kind, database._clock.monotonic() - self._began)
        if isinstance(error, DatabaseUnavailable):
            database._metrics.database_failed(self._kind)
