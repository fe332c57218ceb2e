"""Decisions about accounts: what a name may be, and how accounts come to be and change."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.clock import Clock, utc
from vestibule.errors import (
    AlreadyExists,
    AuthenticationFailed,
    NotFound,
    ValidationFailed,
)
from vestibule.ids import new_id
from vestibule.passwords.policy import check_new_password
from vestibule.passwords.service import Passwords
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database
from vestibule.text import canonical_email, canonical_username, comparable
from vestibule.users import repository
from vestibule.users.models import User

LOOK_THROUGH = 2_000
"""Addresses that one page of a search looks at: some milliseconds."""


class Users:
    """Accounts."""

    def __init__(
        self, *, database: Database, passwords: Passwords, sessions: Sessions, clock: Clock
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def get(self, user_id: UUID) -> User | None:
        """The user of this id, or None."""
        return await self._database.look_up(repository.BY_ID, user_id)

    async def names_of(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """The usernames of those of these ids that there are."""
        return await self._database.scan(lambda c: repository.names_of(c, user_ids))

    async def find(self, name: str) -> User | None:
        """The user of this username or e-mail address in any spelling, or None."""
        canonical = comparable(name)
        return await self._database.look_up(repository.lookup_of(canonical), canonical)

    async def named(self, name: str) -> User:
        """The user of this username or e-mail address. Raises `NotFound`."""
        user = await self.find(name)
        if user is None:
            raise NotFound(f"There is no user {name!r}")
        return user

    async def search(
        self, start: str = "", *, after: str = "", limit: int = 100
    ) -> tuple[list[User], str]:
        """A page of users whose username or e-mail address starts so, and what the next is behind.

        Who is named so comes first, by username; then who has such an address, by that. `after` is
        what an earlier page said; empty for the first one, and told for the last. A page looks at
        so many addresses and no more: it may hold fewer users than there is room for, or none, and
        still say that there may be more behind it.
        """
        start = start.strip().lower()
        kind, _, behind = after.partition(":")

        def look(connection: Connection) -> tuple[list[User], str]:
            found: list[User] = []
            if kind != "address":
                found = repository.named_like(connection, start, after=behind, limit=limit + 1)
                if len(found) > limit:
                    return found[:limit], f"username:{found[limit - 1].username}"
            if not start:
                return found, ""  # everybody has a username
            room = limit - len(found)
            addressed, edge = repository.addressed_like(
                connection,
                start,
                after=behind if kind == "address" else "",
                limit=room + 1,
                rows=LOOK_THROUGH,
            )
            if len(addressed) > room:
                # Where there is no room for any of them, the next page begins with the first.
                last = addressed[room - 1].email_address if room else ""
                return found + addressed[:room], f"address:{last}"
            return found + addressed, f"address:{edge}" if edge else ""

        return await self._database.scan(look)

    async def exist(self) -> bool:
        """Whether there is any user."""
        return await self._database.read(repository.any_user)

    async def create(
        self,
        *,
        username: str,
        email_address: str | None = None,
        first_name: str = "",
        last_name: str = "",
        password: SecretStr | None = None,
        email_verified: bool = False,
        is_admin: bool = False,
        user_id: UUID | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> User:
        """A new, active account. Raises `ValidationFailed`, `AlreadyExists`.

        `also` is written along.
        """
        user = self.new(
            username=username,
            email_address=email_address,
            first_name=first_name,
            last_name=last_name,
            email_verified=email_verified,
            is_admin=is_admin,
        )
        user = replace(user, id=user_id or user.id)
        if password is not None:
            check_new_password(password, username=user.username, email=user.email_address)
            user = replace(user, password_hash=await self._passwords.hash(password))

        def write(connection: Connection) -> None:
            repository.add(connection, [user])
            if also is not None:
                also(connection)

        try:
            await self._database.write(write)
        except IntegrityError:
            raise AlreadyExists("This username or e-mail address is taken") from None
        return user

    def new(
        self,
        *,
        username: str,
        email_address: str | None = None,
        first_name: str = "",
        last_name: str = "",
        email_verified: bool = False,
        is_admin: bool = False,
    ) -> User:
        """An account as it would be created, not yet written. Raises `ValidationFailed`."""
        canonical, address = checked_names(username, email_address)
        now = utc(self._clock)
        return User(
            id=new_id(),
            username=canonical,
            email_address=address,
            first_name=checked_text(first_name, "first_name"),
            last_name=checked_text(last_name, "last_name"),
            password_hash=None,
            is_active=True,
            email_verified=email_verified,
            default_org_id=None,
            created_at=now,
            updated_at=now,
            is_admin=is_admin,
        )

    async def update(
        self, user: User, *, also: Callable[[Connection], None] | None = None, **changes: Any
    ) -> User:
        """Change names, `is_active`, `email_verified`, `is_admin` or `default_org_id`.

        Disabling ends all sessions: enabling the account again brings none of them back. `also`
        is written along.
        """
        values = {name: value for name, value in changes.items() if value is not None}
        for name in ("first_name", "last_name"):
            if name in values:
                values[name] = checked_text(values[name], name)

        def write(connection: Connection) -> None:
            repository.change(connection, user.id, values)
            if values.get("is_active") is False:
                self._sessions.end(connection, cause="user_disabled", user_id=user.id)
            if also is not None:
                also(connection)

        return await self._change(user, values, write)

    async def set_password(
        self,
        user: User,
        password: SecretStr,
        *,
        spare: UUID | None = None,
        verified: bool = False,
        also: Callable[[Connection], None] | None = None,
    ) -> User:
        """Replace the password, and end all sessions but `spare`. Raises `ValidationFailed`.

        Whoever knew the former password may sit in one of them. `also` is written along. Where
        the former one was `verified`, raises `AuthenticationFailed` if it has changed since: of
        two who know it one sets the new one.
        """
        check_new_password(password, username=user.username, email=user.email_address)

        values = {"password_hash": await self._passwords.hash(password)}

        def write(connection: Connection) -> None:
            if not verified:
                repository.change(connection, user.id, values)
            elif not repository.change_unchanged(connection, user, values):
                raise AuthenticationFailed(cause="account_changed")
            self._sessions.end(connection, cause="password_changed", user_id=user.id, spare=spare)
            if also is not None:
                also(connection)

        return await self._change(user, values, write)

    async def _change(
        self, user: User, values: dict[str, Any], write: Callable[[Connection], None]
    ) -> User:
        values["updated_at"] = utc(self._clock)
        # The account's row is locked first: a session that begins meanwhile is seen, and ended.
        await self._database.write(write, isolation="READ COMMITTED")
        changed = await self.get(user.id)
        if changed is None:
            raise NotFound("This user is gone")
        return changed


def checked_names(username: str, email_address: str | None) -> tuple[str, str | None]:
    """Both names in canonical form. Raises `ValidationFailed`.

    A username may hold an @ only as the account's own address: otherwise one account could
    take another's address as its name, and be found in its place.
    """
    try:
        address = canonical_email(email_address) if email_address else None
    except ValueError as error:
        raise ValidationFailed.of("email_address", f"The e-mail address {error}") from None
    if "@" in username:
        try:
            canonical = canonical_email(username)
        except ValueError:
            canonical = None
        if canonical is None or canonical != address:
            raise ValidationFailed.of(
                "username", "A username with an @ must be the account's own address"
            )
        return canonical, address
    try:
        return canonical_username(username), address
    except ValueError:
        raise ValidationFailed.of(
            "username", "The username is empty or holds what it may not"
        ) from None


def checked_text(value: str, field: str) -> str:
    """A person's name as it may be stored. Raises `ValidationFailed`."""
    value = value.strip()
    if len(value) > 200 or not value.isprintable():
        raise ValidationFailed.of(field, "A name is at most 200 printable characters")
    return value
