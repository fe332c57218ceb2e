"""Which directories there are: those of the settings and those of the database, kept fresh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from pydantic import ValidationError

from vestibule import logs
from vestibule.clock import Clock
from vestibule.errors import NotFound
from vestibule.identity import repository
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Connector
from vestibule.identity.connectors import MissingLibrary, require_library
from vestibule.identity.repository import StoredDirectory
from vestibule.identity.unusable import unusable
from vestibule.identity.upstream import Upstream
from vestibule.metrics.service import Metrics
from vestibule.state.news import News
from vestibule.storage.database import Database
from vestibule.tokens.vault import Vault, WrongSecretKey
from vestibule.tracing.spans import Tracing

CHANGED = "directories"
"""The topic by which instances tell of a change."""
FRESH = 5.0
"""Seconds after which the database is asked again: so long does another instance's change take
that nobody could tell of."""

MALFORMED = (ValidationError, ValueError, KeyError, TypeError)
"""How a row of the database is none that this release knows."""
SEALED = "directory_sealed"
"""Why a directory can't be asked here: its secrets were sealed under another secret key."""
UNINSTALLED = "directory_library"
"""The same: what speaks to it is not installed."""

MakeConnector = Callable[[DirectoryConfiguration, Clock], Connector]


@dataclass(frozen=True, slots=True)
class _Known:
    """A directory as it is configured, and why it can't be asked; "" where it can."""

    configuration: DirectoryConfiguration
    unusable: str = ""

    @classmethod
    def of(cls, upstream: Upstream) -> _Known:
        return cls(upstream.configuration, upstream.unusable)


class Directories:
    """All upstream directories as they were at one moment, and whom each answers for."""

    def __init__(self, upstreams: Iterable[Upstream] = ()) -> None:
        self.by_key = {upstream.key: upstream for upstream in upstreams}
        active = [u for u in self.by_key.values() if u.configuration.is_active]
        self._by_domain = {name: u for u in active for name in u.configuration.domains}
        self._by_suffix = sorted(
            ((suffix, u) for u in active for suffix in u.configuration.suffixes),
            key=lambda pair: (-len(pair[0]), pair[0]),
        )
        self.default = next((u for u in active if u.configuration.is_default), None)

    def active(self, key: str | None) -> Upstream | None:
        """The directory of this key, where it may be asked."""
        upstream = self.by_key.get(key) if key is not None else None
        return upstream if upstream and upstream.configuration.is_active else None

    def for_name(self, identifier: str) -> Upstream | None:
        """The directory that answers for this username or address: the longest suffix wins."""
        folded = identifier.casefold()
        for suffix, upstream in self._by_suffix:
            if folded.endswith(suffix) and len(folded) > len(suffix):
                return upstream
        return self._by_domain.get(folded.rpartition("@")[2]) if "@" in folded else None


class Registry:
    """Knows the directories, and remakes what was configured anew."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing,
        make_connector: MakeConnector,
        news: News,
        configured: Sequence[DirectoryConfiguration] = (),
    ) -> None:
        """`configured` are those of the settings: they win, and can't be changed by routes.

        `news` tells the other instances of changes, and this one of theirs.
        """
        self._database = database
        self._vault = vault
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing
        self._make_connector = make_connector
        self.configured = {item.key: item for item in configured}
        self._directories = Directories([self._made(_Known(item)) for item in configured])
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self._is_stale = False
        self._news = news
        self._closing: dict[asyncio.Task[None], Upstream] = {}
        self._log = logs.get("directory")
        news.on(CHANGED, self._told)

    @property
    def latest(self) -> Directories:
        """What was known last, without asking."""
        return self._directories

    async def current(self) -> Directories:
        """The directories, as the database had them a few seconds ago at the most.

        Only the first question waits for the database: later ones get what is there, while it is
        asked again.
        """
        now = self._clock.monotonic()
        if self._read_at is None:
            await self.reload()
        elif now - self._read_at >= FRESH:
            self._read_soon()
        return self._directories

    async def get(self, key: str) -> Upstream:
        """The directory of this key, as it is now. Raises `NotFound`."""
        await self.reload()
        upstream = self._directories.by_key.get(key)
        if upstream is None:
            raise NotFound("Directory not found", cause="directory_unknown")
        return upstream

    async def answering_for(self, user_id: UUID) -> str | None:
        """The name of the directory that answers for this account; None for our own."""
        identity = await self._database.read(lambda c: repository.first_of(c, user_id))
        if identity is None:
            return None
        upstream = (await self.current()).by_key.get(identity.directory)
        return upstream.configuration.name if upstream else identity.directory

    async def changed(self) -> None:
        """One was changed: have the other instances know them anew."""
        await self._news.tell(CHANGED)

    async def reload(self) -> None:
        """Ask the database."""
        stored = await self._database.read(repository.all_directories)
        self._read_at = self._clock.monotonic()
        wanted = {key: _Known(configuration) for key, configuration in self.configured.items()}
        for row in stored:
            if row.key not in wanted and (known := self._opened(row)) is not None:
                wanted[row.key] = known
        former = self._directories.by_key
        if {key: _Known.of(upstream) for key, upstream in former.items()} == wanted:
            return
        kept = {key: u for key, u in former.items() if wanted.get(key) == _Known.of(u)}
        self._directories = Directories(
            kept.get(key) or self._made(item) for key, item in wanted.items()
        )
        for key, upstream in former.items():
            if key not in kept:
                self._let_go(upstream)

    async def reseal(self) -> int:
        """Seal with the present secret key what a former one has sealed; returns how many.

        After that the former one may go.
        """
        count = 0
        for row in await self._database.read(repository.all_directories):
            try:
                renewed = row.sealed and self._vault.renewed(row.sealed.decode())
            except WrongSecretKey:
                continue  # said wherever it is asked
            if row.sealed and renewed:
                write = partial(
                    repository.reseal_directory,
                    key=row.key, former=row.sealed, sealed=renewed.encode(),
                )  # fmt: skip
                count += await self._database.write(write)
        return count

    async def close(self) -> None:
        """Let all connections go: nobody asks any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        upstreams = [*self._closing.values(), *self._directories.by_key.values()]
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for upstream in upstreams:
            await upstream.close()

    def stored(self, configuration: DirectoryConfiguration) -> tuple[dict[str, object], bytes]:
        """What is written of a configuration: its plain part, and its secrets encrypted."""
        secrets = json.dumps(configuration.secrets()).encode()
        return configuration.plain(), self._vault.seal(secrets).encode()

    def _told(self, _message: str) -> None:
        if self._read_at is not None:  # else whoever asks first reads them
            self._is_stale = True
            self._read_soon()

    def _read_soon(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._reload_quietly())

    async def _reload_quietly(self) -> None:
        while True:
            self._is_stale = False
            try:
                await self.reload()
            except Exception as error:
                # What was known goes on: an outage of the database is told where it matters.
                self._log.warning("directories not read", error=type(error).__name__)
                self._read_at = self._clock.monotonic()
            if not self._is_stale:  # nothing was told while they were read
                break

    def _opened(self, row: StoredDirectory) -> _Known | None:
        try:
            unusable = ""
            secrets: dict[str, str] = {}
            try:
                secrets = json.loads(self._vault.open(row.sealed.decode())) if row.sealed else {}
            except WrongSecretKey:
                unusable = SEALED
            plain = {**row.configuration}
            plain["connection"] = {**plain["connection"], **secrets}
            # A newer release may know more of it, while both serve.
            configuration = DirectoryConfiguration.model_validate(plain, extra="ignore")
            require_library(configuration)
        except MissingLibrary:
            unusable = UNINSTALLED
        except MALFORMED as error:
            self._log.error("directory not usable", directory=row.key, error=type(error).__name__)
            return None
        return _Known(configuration, unusable)

    def _made(self, known: _Known) -> Upstream:
        configuration, cause = known.configuration, known.unusable
        if cause:
            self._log.error("directory not usable", directory=configuration.key, error=cause)
        return Upstream(
            configuration,
            unusable(configuration, cause)
            if cause
            else self._make_connector(configuration, self._clock),
            clock=self._clock,
            metrics=self._metrics,
            tracing=self._tracing,
        )

    def _let_go(self, upstream: Upstream) -> None:
        """Close it once nobody can be asking it any more."""

        async def later() -> None:
            await asyncio.sleep(upstream.configuration.connection.timeout)
            await upstream.close()

        task = asyncio.create_task(later())
        self._closing[task] = upstream
        task.add_done_callback(self._closing.pop)
