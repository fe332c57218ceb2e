"""The local directory: accounts and password hashes in our own database."""

from __future__ import annotations

import dataclasses

from pydantic import SecretStr

from vestibule.passwords.pool import Reservation
from vestibule.passwords.service import Passwords
from vestibule.storage.database import Database
from vestibule.users import repository
from vestibule.users.models import User
from vestibule.users.service import Users


class LocalDirectory:
    """`Accounts` over the table of users."""

    def __init__(self, *, users: Users, passwords: Passwords, database: Database) -> None:
        self._users = users
        self._passwords = passwords
        self._database = database

    async def find(self, identifier: str) -> User | None:
        """The account of this name; None where there is none."""
        return await self._users.find(identifier)

    async def verify(
        self, *, user: User | None, password: SecretStr, reservation: Reservation
    ) -> User | None:
        """The user where this is the password; a hash of former parameters is replaced."""
        for _ in range(2):
            encoded = user.password_hash if user else None
            verification = await self._passwords.verify(
                reservation, encoded=encoded, password=password
            )
            if user is None or not verification.ok:
                return None
            if encoded is None or verification.replacement is None:
                return user
            upgraded = await self._upgraded(user, encoded, verification.replacement)
            if upgraded is not None:
                return upgraded
            # Another login was quicker, or the password has changed: the present hash decides.
            user = await self._users.get(user.id)
        return None

    async def _upgraded(self, user: User, former: str, replacement: str) -> User | None:
        """The user with the new hash; None where the former one is no longer there."""
        replaced = await self._database.write_one(
            lambda c: repository.replace_hash(
                c, user_id=user.id, former=former, replacement=replacement
            )
        )
        return dataclasses.replace(user, password_hash=replacement) if replaced else None
