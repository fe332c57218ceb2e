"""The seam of an upstream directory: what a connector is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person as a directory knows them."""

    subject: str
    """What it knows them by for good (`entryUUID`, `objectGUID`, `sub`), at most 255 characters."""
    username: str
    email_address: str | None = None
    email_verified: bool = False
    """Whether the directory vouches for the address."""
    first_name: str = ""
    last_name: str = ""
    groups: frozenset[str] = frozenset()
    """Names of all groups, nested ones included, as the mapping to organizations spells them."""
    is_active: bool = True
    """False where the directory has disabled, locked or expired the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """One sign-in of a browser at a directory, from the way there to the way back."""

    redirect_uri: str
    """Where the directory sends the browser afterwards."""
    state: str
    """Random: ties the way back to the way there (RFC 6749 §10.12)."""
    nonce: str
    """Random: ties the answer to it (OpenID Connect Core §3.1.2.1)."""
    verifier: str
    """Random: shows that whoever brings the code began it (RFC 7636 §4.1)."""
    login_hint: str = ""
    """Who it will be, as far as we know."""


class Busy(Exception):
    """The directory wants to be asked less often."""


class Connector(Protocol):
    """A directory somewhere else.

    Every method raises `BadGateway` where the directory refused, dropped or garbled the exchange,
    `GatewayTimeout` where it did not answer in time, `Busy`, and nothing else. No password is in
    any error, log line or span.
    """

    @property
    def takes_passwords(self) -> bool:
        """Whether it can be asked by `authenticate`; otherwise people sign in there by browser."""
        ...

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        """The person whose username or address this is, where this is their password.

        None alike for a wrong password and for nobody. A person whose password is right and whose
        account the directory has disabled comes with `is_active` False.
        """
        ...

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        """Those of these subjects, at most 200, whom the directory still has; the others are gone.

        Asked only where `can_look_up`.
        """
        ...

    @property
    def can_look_up(self) -> bool:
        """Whether people can be looked up without their password."""
        ...

    async def check(self) -> None:
        """Returns where the directory can be reached and takes our own credentials."""
        ...

    async def close(self) -> None:
        """Let all connections go."""
        ...


@runtime_checkable
class BrowserConnector(Protocol):
    """A directory that people can sign in to with their browser. Raises as `Connector` does."""

    async def address(self, approach: Approach) -> str:
        """Where the browser is to go."""
        ...

    async def arrived(self, approach: Approach, *, code: str, issuer: str | None) -> Profile | None:
        """Who came back with this code; None where the directory does not know the code.

        `issuer` is who the browser says it comes from.
        """
        ...
