"""Asking directories again for those whom they knew: who is gone is disabled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vestibule import logs
from vestibule.clock import Clock, utc
from vestibule.errors import ApiError
from vestibule.identity import repository
from vestibule.identity.connector import Profile
from vestibule.identity.linking import Linking
from vestibule.identity.models import Identity
from vestibule.identity.registry import Registry
from vestibule.identity.upstream import Upstream
from vestibule.storage.database import Database

BATCH = 200
MUCH = 0.3
"""The share of those asked for in a run that may be gone before it is not believed."""
FEW = 10
"""So many may always be gone."""


@dataclass(slots=True)
class Synced:
    """What came of a run."""

    asked: int = 0
    refreshed: int = 0
    gone: int = 0
    disabled: int = 0
    stopped: str | None = None
    """Why it ended early, in a word; None where it came to its end."""


class Synchronization:
    """Looks people up again."""

    def __init__(
        self, *, database: Database, registry: Registry, linking: Linking, clock: Clock
    ) -> None:
        self._database = database
        self._registry = registry
        self._linking = linking
        self._clock = clock
        self._log = logs.get("directory")

    async def run_due(self) -> int:
        """Look up whoever is due, in all directories; how many accounts were disabled.

        Any number of instances may do so at once: whom one has looked up is due no more.
        """
        disabled = 0
        for upstream in (await self._registry.current()).by_key.values():
            seconds = upstream.configuration.sync_seconds
            if upstream.configuration.is_active and seconds and upstream.connector.can_look_up:
                disabled += (await self.run(upstream, older_than=seconds)).disabled
        return disabled

    async def run(self, upstream: Upstream, *, older_than: float, force: bool = False) -> Synced:
        """Look up everybody who was not for `older_than` seconds.

        A directory that has lost very many at once is more likely misconfigured than right:
        nobody is disabled then, unless it is forced. Where it does not answer the run ends.
        """
        before = utc(self._clock) - timedelta(seconds=older_than)
        done, missing, after = Synced(), list[Identity](), ""
        while batch := await self._due(upstream.key, before=before, after=after):
            after = batch[-1].subject
            try:
                found = await upstream.look_up([identity.subject for identity in batch])
            except ApiError as error:
                done.stopped = error.cause
                break
            done.asked += len(batch)
            for identity in batch:
                profile = found.get(identity.subject)
                if profile is None:
                    missing.append(identity)
                elif await self._refreshed(upstream, identity, profile):
                    done.refreshed += 1
        done.gone = len(missing)
        if done.gone > max(FEW, MUCH * done.asked) and not force:
            done.stopped = "too_many_gone"
            self._log.error(
                "directory has lost too many at once to be believed",
                directory=upstream.key,
                gone=done.gone,
                asked=done.asked,
            )
            return done
        for identity in missing:
            done.disabled += await self._linking.gone(identity)
        return done

    async def _due(self, key: str, *, before: datetime, after: str) -> list[Identity]:
        # Fresh: who is gone is decided by it, and how many are too many to be believed.
        return await self._database.scan(
            lambda c: repository.due(c, directory=key, before=before, after=after, limit=BATCH),
            fresh=True,
        )

    async def _refreshed(self, upstream: Upstream, identity: Identity, profile: Profile) -> bool:
        try:
            await self._linking.refresh(upstream.configuration, identity, profile)
        except ApiError as error:
            self._log.warning(
                "person not refreshed",
                directory=upstream.key,
                user_id=str(identity.user_id),
                cause=error.cause,
            )
            return False
        return True
