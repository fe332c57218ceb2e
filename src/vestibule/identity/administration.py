"""Upstream directories, for administrators of the service."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import (
    AlreadyExists,
    Conflict,
    DatabaseUnavailable,
    NotFound,
    ValidationFailed,
)
from vestibule.identity import repository, standings
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connectors import MissingLibrary, require_library
from vestibule.identity.linking import Linking, already_linked
from vestibule.identity.models import Identity
from vestibule.identity.registry import SEALED, Registry
from vestibule.identity.repository import StoredDirectory
from vestibule.identity.sync import Synced, Synchronization
from vestibule.identity.upstream import Upstream
from vestibule.orgs import repository as orgs
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database
from vestibule.users.service import Users

PLACE = ("kind", "urls", "issuer")
"""The fields of a connection that say where the directory is."""


class DirectoryAdministration:
    """Adds, changes, removes, tries and synchronizes directories; links people by hand.

    Every method raises `AccessForbidden` for everybody else, and `NotFound` for a directory that
    does not exist.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        linking: Linking,
        synchronization: Synchronization,
        users: Users,
        sessions: Sessions,
        database: Database,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._linking = linking
        self._synchronization = synchronization
        self._users = users
        self._sessions = sessions
        self._database = database
        self._audit = audit
        self._acts = Acts(audit)
        self._clock = clock

    def is_of_settings(self, key: str) -> bool:
        """Whether it stands in the settings."""
        return key in self._registry.configured

    async def directories(self, caller: Caller) -> list[Upstream]:
        """All of them by key."""
        await self._acts.require(caller)
        await self._registry.reload()
        return sorted(self._registry.latest.by_key.values(), key=lambda upstream: upstream.key)

    async def get(self, caller: Caller, key: str) -> Upstream:
        """One of them."""
        await self._acts.require(caller)
        return await self._registry.get(key)

    async def create(self, caller: Caller, configuration: DirectoryConfiguration) -> Upstream:
        """A new one. Raises `AlreadyExists`, and `Conflict` where it is for what another is for."""
        async with self._acts.act(caller, "directory_create", target=configuration.key) as attempt:
            await self._require_room(configuration)
            now = utc(self._clock)
            plain, sealed = self._registry.stored(configuration)
            row = StoredDirectory(configuration.key, plain, sealed, now, now)
            try:
                await self._audit.succeeded(
                    attempt, status=201, work=lambda c: repository.add_directory(c, row)
                )
            except IntegrityError:
                raise _taken() from None
        await self._registry.changed()
        return await self._registry.get(configuration.key)

    async def change(self, caller: Caller, key: str, given: DirectoryConfiguration) -> Upstream:
        """Put another configuration in its place; secrets that are not given stay.

        Raises `ValidationFailed`, and `Conflict` for one of the settings and for secrets that can't
        be opened and are not given.
        """
        async with self._acts.act(caller, "directory_update", target=key) as attempt:
            former = await self._registry.get(key)
            self._require_own(key)
            if _would_lose_secrets(given, former):
                raise Conflict(
                    "Its secrets can't be opened: give them again, or remove it and make it anew",
                    cause="directory_sealed",
                )
            configuration = _with_former_secrets(given, former.configuration)
            if configuration.key != key:
                raise ValidationFailed.of("key", "A directory keeps its key")
            await self._require_room(configuration)
            plain, sealed = self._registry.stored(configuration)
            now = utc(self._clock)
            row = StoredDirectory(key, plain, sealed, now, now)

            def write(connection: Connection) -> None:
                if not repository.replace_directory(connection, row):
                    raise NotFound("Directory not found", cause="directory_unknown")

            await self._audit.succeeded(attempt, status=200, work=write)
        await self._registry.changed()
        return await self._registry.get(key)

    async def remove(self, caller: Caller, key: str) -> None:
        """Remove it. Whom only it knew can't sign in any more.

        Raises `Conflict` while an organization demands it, and for one of the settings.
        """
        async with self._acts.act(caller, "directory_delete", target=key) as attempt:
            await self._registry.get(key)
            self._require_own(key)

            def write(connection: Connection) -> None:
                if repository.is_demanded(connection, key):
                    raise Conflict(
                        "An organization demands this directory", cause="directory_demanded"
                    )
                if not repository.remove_directory(connection, key):
                    raise NotFound("Directory not found", cause="directory_unknown")

            await self._audit.succeeded(attempt, status=204, work=write)
        await self._registry.changed()
        with suppress(DatabaseUnavailable):  # it is removed, and read anew in a few seconds
            await self._registry.reload()

    async def demand(self, caller: Caller, key: str, *, org: str) -> None:
        """Let into this organization only who signed in through the directory.

        Whoever is in by another way stays for as long as their access token lasts. Raises
        `NotFound` for the organization as well.
        """
        await self._acts.require(caller)
        await self._registry.get(key)
        await self._set_demand(caller, org, before=None, after=key)

    async def release(self, caller: Caller, key: str, *, org: str) -> None:
        """Any way to sign in will do again. Raises `NotFound` where it was not demanded."""
        await self._set_demand(caller, org, before=key, after=None)

    async def check(self, caller: Caller, key: str) -> float:
        """Seconds that the directory took to answer. Raises `BadGateway`, `GatewayTimeout`."""
        await self._acts.require(caller)
        upstream = await self._registry.get(key)
        began = self._clock.monotonic()
        await upstream.check()
        return self._clock.monotonic() - began

    async def synchronize(self, caller: Caller, key: str, *, force: bool) -> Synced:
        """Look up everybody now. Raises `Conflict` where the directory can't be asked so."""
        await self._acts.require(caller)
        upstream = await self._registry.get(key)
        if not upstream.connector.can_look_up:
            raise Conflict(
                "This directory can't look people up without their password",
                cause="directory_no_look_up",
            )
        return await self._synchronization.run(upstream, older_than=0, force=force)

    async def identities_of(self, caller: Caller, user_id: UUID) -> list[Identity]:
        """What an account is linked to: one's own, or for administrators anybody's."""
        if user_id != caller.user_id:
            await self._acts.require(caller)
        return await self._database.scan(lambda c: repository.identities_of(c, user_id))

    async def link(self, caller: Caller, key: str, *, user_id: UUID, subject: str) -> None:
        """Tie an account to a person of the directory, on the administrator's word.

        Raises `NotFound` for the account, `AlreadyExists` where either is tied already.
        """
        async with self._acts.act(caller, "directory_link", target=user_id) as attempt:
            upstream = await self._registry.get(key)
            user = await self._users.get(user_id)
            if user is None:
                raise NotFound("User not found", cause="user_unknown")
            try:
                await self._audit.succeeded(
                    attempt,
                    status=204,
                    work=self._linking.tying(upstream.configuration, subject=subject, user=user),
                )
            except IntegrityError:
                raise already_linked() from None

    async def unlink(self, caller: Caller, key: str, user_id: UUID) -> None:
        """Untie them. What its groups gave is taken back, and the account's sessions end.

        Raises `NotFound` where they are not tied.
        """
        now = utc(self._clock)
        end = partial(self._sessions.end, cause="directory_unlinked", user_id=user_id)

        def write(connection: Connection) -> None:
            identity = repository.remove_identity(connection, directory=key, user_id=user_id)
            if identity is None:
                raise NotFound("This account is not linked to it", cause="identity_unknown")
            standings.apply(
                connection, user_id=user_id, granted=identity.granted, wanted={}, now=now
            )
            end(connection)

        async with self._acts.act(caller, "directory_unlink", target=user_id) as attempt:
            missing: NotFound | None = None
            try:
                await self._audit.succeeded(attempt, status=204, work=write)
            except NotFound as error:
                missing = error
            # Those that began while that waited for them, also where this failed a moment ago:
            # through a directory that they are not linked to nobody is in.
            await self._database.write(partial(end, directory=key), isolation="READ COMMITTED")
            if missing is not None:
                raise missing

    async def _set_demand(
        self, caller: Caller, org: str, *, before: str | None, after: str | None
    ) -> None:
        now = utc(self._clock)

        def write(connection: Connection) -> None:
            organization = orgs.by_key(connection, org)
            if organization is None:
                raise NotFound("Organization not found", cause="org_unknown")
            if before is not None and organization.directory != before:
                raise NotFound("It demands another directory or none", cause="not_demanded")
            attempt.org_id = organization.id
            orgs.change(connection, organization.id, {"directory": after, "updated_at": now})

        async with self._acts.act(caller, "directory_demand", target=after or before) as attempt:
            await self._audit.succeeded(attempt, status=204, work=write)

    def _require_own(self, key: str) -> None:
        if self.is_of_settings(key):
            raise Conflict("This directory stands in the settings", cause="directory_of_settings")

    async def _require_room(self, configuration: DirectoryConfiguration) -> None:
        """Two that are for the same would take turns at answering."""
        lacks = configuration.connection.lacks
        if lacks is not None:
            raise ValidationFailed.of(f"connection.{lacks}", "Must be given")
        try:
            require_library(configuration)
        except MissingLibrary:
            raise ValidationFailed.of(
                "connection.kind", "The service was installed without what speaks to it"
            ) from None
        await self._registry.reload()
        if self.is_of_settings(configuration.key):
            raise _taken()
        for upstream in self._registry.latest.by_key.values():
            other = upstream.configuration
            if other.key == configuration.key:
                continue
            if (
                other.domains & configuration.domains
                or other.suffixes & configuration.suffixes
                or (other.is_default and configuration.is_default)
            ):
                raise Conflict(
                    "Another directory answers for one of these names",
                    cause="directory_overlaps",
                )


def _taken() -> AlreadyExists:
    return AlreadyExists("There is a directory of this key", cause="directory_exists")


def _would_lose_secrets(given: DirectoryConfiguration, former: Upstream) -> bool:
    """Whether what a former secret key has sealed would be replaced by nothing."""
    return former.unusable == SEALED and not given.secrets()


def _with_former_secrets(
    given: DirectoryConfiguration, former: DirectoryConfiguration
) -> DirectoryConfiguration:
    now, before = given.plain()["connection"], former.plain()["connection"]
    # A secret goes to the server that it was given for, and to no other one.
    if any(now.get(name) != before.get(name) for name in PLACE):
        return given
    kept = {
        name: value
        for name, value in former.connection
        if isinstance(value, SecretStr) and getattr(given.connection, name) is None
    }
    connection = given.connection.model_copy(update=kept)
    return given.model_copy(update={"connection": connection})
