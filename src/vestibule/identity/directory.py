"""What the login asks of any directory of people."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from vestibule.passwords.pool import Reservation
from vestibule.users.models import User


class Directory(Protocol):
    """A place that knows people and can tell whether a password is theirs."""

    async def find(self, identifier: str) -> User | None:
        """The account that this username or e-mail address means; None where there is none."""
        ...

    async def verify(
        self, *, user: User | None, password: SecretStr, reservation: Reservation
    ) -> User | None:
        """The user, as the account is now, where this is the password; otherwise None.

        For nobody the answer is None, and takes the time of a yes. Raises `RateLimited` where it
        can't be checked in time.
        """
        ...
