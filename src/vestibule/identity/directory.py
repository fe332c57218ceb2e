"""What the login asks of the directories of people, ours and those upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from vestibule.identity.upstream import Upstream
from vestibule.passwords.pool import Reservation
from vestibule.users.models import User


@dataclass(frozen=True, slots=True)
class Found:
    """A typed name, the account that it means, and who answers for it."""

    identifier: str
    user: User | None
    upstream: Upstream | None = None
    """None for our own directory."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Somebody whose password was right, and who has said so."""

    user: User
    directory: str | None = None
    """Key of the upstream directory; None for our own."""


class Accounts(Protocol):
    """Our own directory: it knows the accounts, and whether a password is theirs."""

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


class Directory(Protocol):
    """All that know people and can tell whether a password is theirs."""

    async def find(self, identifier: str, *, organization: str | None = None) -> Found:
        """Whom this username or e-mail address means, and which directory answers for them.

        `organization` is the key of the one that is asked for: it may have a directory.
        """
        ...

    async def verify(
        self, *, found: Found, password: SecretStr, reservation: Reservation
    ) -> Verified | None:
        """The user, as the account is now, where this is the password; otherwise None.

        For nobody the answer is None, and takes the time of a yes. Raises `RateLimited` where it
        can't be checked in time, and of an upstream directory `BadGateway`, `GatewayTimeout`, and
        to the right password `AlreadyExists` and `AccessForbidden`.
        """
        ...
