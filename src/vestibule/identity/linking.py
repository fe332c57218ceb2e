"""From a person that a directory vouches for to the account that is theirs here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule import logs
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, AlreadyExists, AuthenticationFailed
from vestibule.identity import repository, standings
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Profile
from vestibule.identity.models import Identity
from vestibule.identity.profiles import Person, changes_of, person_of
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database
from vestibule.users import repository as user_rows
from vestibule.users.models import User
from vestibule.users.service import Users

Awaits = Callable[[Connection, UUID, str], bool]
"""Whether an account was made for somebody who is to come through this directory."""

SEEN_EVERY = timedelta(hours=1)
"""How exactly it is kept when a directory has last known somebody: not each sign-in writes."""
ADDRESS = ("email_address", "email_verified")


class Linking:
    """Makes, finds and refreshes the accounts of people from directories."""

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        sessions: Sessions,
        clock: Clock,
        awaits: Awaits,
    ) -> None:
        self._awaits = awaits
        self._database = database
        self._users = users
        self._sessions = sessions
        self._clock = clock
        self._log = logs.get("directory")

    async def signed_in(self, configuration: DirectoryConfiguration, profile: Profile) -> User:
        """The account of somebody who has just proved who they are to this directory.

        A first sign-in makes it, with its memberships; later ones refresh names, address and
        memberships. Raises `AlreadyExists` where another account has the name or address,
        `AccessForbidden` where the directory or we have disabled it or makes no accounts, and
        `BadGateway` for a profile that no account can have.
        """
        person = person_of(configuration, profile)
        found = await self._known(configuration, person)
        if not profile.is_active:
            if found is not None:
                await self.gone(found[0])
            raise AccessForbidden("This account is disabled", cause="directory_disabled")
        if found is not None:
            return await self._refreshed(configuration, profile, person, *found)
        if not configuration.create_accounts:
            raise _unlinked()
        return await self._created(configuration, profile, person)

    async def link(
        self, configuration: DirectoryConfiguration, profile: Profile, *, user: User
    ) -> None:
        """Tie an account that exists to somebody who has proved who they are to the directory.

        From then on the directory answers for it, and its local password is worth nothing: whoever
        knew that would otherwise outlast the directory's no. Raises `AlreadyExists` where either
        is tied already.
        """
        person = person_of(configuration, profile)
        if not profile.is_active:
            raise AccessForbidden("This account is disabled", cause="directory_disabled")
        try:
            await self._database.write(self.tying(configuration, subject=person.subject, user=user))
        except IntegrityError:
            raise already_linked() from None
        found = await self._known(configuration, person)
        if found is not None:
            await self._refreshed(configuration, profile, person, *found)

    def tying(
        self, configuration: DirectoryConfiguration, *, subject: str, user: User
    ) -> Callable[[Connection], None]:
        """What writes that this subject is the account's person.

        `IntegrityError` where either is tied already.
        """
        identity = _new_identity(configuration.key, subject, user, self._clock)
        values = {"password_hash": None, "updated_at": identity.created_at}

        def write(connection: Connection) -> None:
            repository.add_identity(connection, identity)
            user_rows.change(connection, user.id, values)

        return write

    async def gone(self, identity: Identity) -> bool:
        """Disable the account of somebody whom the directory no longer has; whether it was not.

        Its sessions end. Who is no longer linked to it is none of its business.
        """
        now = utc(self._clock)

        def write(connection: Connection) -> bool:
            if repository.linked(connection, identity) is None:
                return False
            user = user_rows.by_id(connection, identity.user_id)
            active = user is not None and user.is_active
            values: dict[str, Any] = {"seen_at": now, "cached_hash": None, "cached_at": None}
            if active:
                user_rows.change(
                    connection, identity.user_id, {"is_active": False, "updated_at": now}
                )
                self._sessions.end(connection, cause="directory_gone", user_id=identity.user_id)
                values["disabled_at"] = now
            repository.change_identity(
                connection,
                directory=identity.directory,
                subject=identity.subject,
                values=values,
            )
            return active

        # The account is changed before its sessions are ended: one that begins meanwhile is seen.
        disabled = await self._database.write(write, isolation="READ COMMITTED")
        if disabled:
            self._log.info(
                "account disabled, gone from its directory",
                directory=identity.directory,
                user_id=str(identity.user_id),
            )
        return disabled

    async def refresh(
        self, configuration: DirectoryConfiguration, identity: Identity, profile: Profile
    ) -> None:
        """Take on what the directory says of somebody whom it was asked for."""
        if not profile.is_active:
            await self.gone(identity)
            return
        person = person_of(configuration, profile)
        found = await self._known(configuration, person)
        if found is not None:
            await self._refreshed(configuration, profile, person, *found, seen=True)

    async def _known(
        self, configuration: DirectoryConfiguration, person: Person
    ) -> tuple[Identity, User | None] | None:
        return await self._database.read(
            lambda c: repository.known(c, directory=configuration.key, subject=person.subject)
        )

    async def _created(
        self, configuration: DirectoryConfiguration, profile: Profile, person: Person
    ) -> User:
        user = self._users.new(
            username=person.username,
            email_address=person.email_address,
            first_name=person.first_name,
            last_name=person.last_name,
            email_verified=person.email_address is not None,
        )
        identity = _new_identity(configuration.key, person.subject, user, self._clock)
        wanted = configuration.standings(profile.groups)

        def write(connection: Connection) -> None:
            user_rows.add(connection, [user])
            repository.add_identity(
                connection,
                replace(
                    identity,
                    granted=standings.apply(
                        connection,
                        user_id=user.id,
                        granted={},
                        wanted=wanted,
                        now=user.created_at,
                    ),
                ),
            )

        try:
            await self._database.write(write)
        except IntegrityError:
            # Somebody has the name, or the same person has come twice at this instant.
            found = await self._known(configuration, person)
            if found is None:
                found = await self._awaited(configuration, person)
            if found is None or found[1] is None:
                raise AlreadyExists(
                    "Another account has this username or e-mail address: sign in to it and link "
                    "the two, or ask an administrator",
                    cause="directory_name_taken",
                ) from None
            return await self._refreshed(configuration, profile, person, *found)
        self._log.info("account created", directory=configuration.key, user_id=str(user.id))
        return user

    async def _awaited(
        self, configuration: DirectoryConfiguration, person: Person
    ) -> tuple[Identity, User | None] | None:
        """The account that was made for whom this directory vouches for, tied to them now."""
        address = person.email_address
        if address is None:
            return None

        def write(connection: Connection) -> bool:
            user = user_rows.by_name(connection, address)
            if (
                user is None
                or user.password_hash is not None
                or repository.first_of(connection, user.id) is not None
                or not self._awaits(connection, user.id, configuration.key)
            ):
                return False
            self.tying(configuration, subject=person.subject, user=user)(connection)
            user_rows.change(connection, user.id, {"email_verified": True})
            return True

        try:
            tied = await self._database.write(write)
        except IntegrityError:
            tied = True  # by the same person, at the same instant
        return await self._known(configuration, person) if tied else None

    async def _refreshed(
        self,
        configuration: DirectoryConfiguration,
        profile: Profile,
        person: Person,
        identity: Identity,
        user: User | None,
        *,
        seen: bool = False,
    ) -> User:
        if user is None:
            raise AuthenticationFailed(cause="user_gone")
        now = utc(self._clock)
        wanted = configuration.standings(profile.groups)
        current = standings.is_current(identity.granted, wanted)
        recent = not seen and now - identity.seen_at < SEEN_EVERY
        if recent and current and not changes_of(user, person, identity):
            return user

        def write(connection: Connection, without: Collection[str] = ()) -> User:
            # As both are now: somebody may have untied them, or given and taken meanwhile.
            link = repository.linked(connection, identity)
            account = user_rows.by_id(connection, user.id)
            if link is None or account is None:
                raise _unlinked()
            changes = changes_of(account, person, link)
            changes = {name: value for name, value in changes.items() if name not in without}
            values: dict[str, Any] = {"seen_at": now, "disabled_at": None}
            if changes:
                user_rows.change(connection, account.id, {**changes, "updated_at": now})
            if not standings.is_current(link.granted, wanted):
                values["granted"] = standings.apply(
                    connection, user_id=account.id, granted=link.granted, wanted=wanted, now=now
                )
            repository.change_identity(
                connection,
                directory=identity.directory,
                subject=identity.subject,
                values=values,
            )
            return replace(account, **changes)

        try:
            return await self._database.write(write)
        except IntegrityError:
            # The address is another account's: all else is taken on.
            self._log.warning(
                "address not taken on: another account has it",
                directory=configuration.key,
                user_id=str(user.id),
            )
            return await self._database.write(lambda c: write(c, without=ADDRESS))


def already_linked() -> AlreadyExists:
    """The error of a link whose account or person has one already."""
    return AlreadyExists("This account or this person is linked already", cause="identity_linked")


def _unlinked() -> AccessForbidden:
    return AccessForbidden("There is no account for you here", cause="directory_unlinked")


def _new_identity(directory: str, subject: str, user: User, clock: Clock) -> Identity:
    now = utc(clock)
    return Identity(
        directory=directory,
        subject=subject,
        user_id=user.id,
        granted={},
        created_at=now,
        seen_at=now,
        disabled_at=None,
        cached_hash=None,
        cached_at=None,
    )
