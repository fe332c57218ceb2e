"""In the place of a connector: of a directory that can't be asked here."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from vestibule.errors import BadGateway
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Approach, Profile
from vestibule.identity.oidc.configuration import OidcConfiguration


class UnusableConnector:
    """Refuses everything, for one cause.

    The directory goes on answering for its people: were it left out, who knows an account's former
    password would get in while it can't be asked.
    """

    can_look_up = False

    def __init__(self, cause: str, *, takes_passwords: bool = True) -> None:
        self.cause = cause
        self.takes_passwords = takes_passwords

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        """As `Connector.authenticate`: always raises `BadGateway`."""
        raise BadGateway(cause=self.cause)

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        """As `Connector.look_up`: always raises `BadGateway`."""
        raise BadGateway(cause=self.cause)

    async def check(self) -> None:
        """As `Connector.check`: always raises `BadGateway`."""
        raise BadGateway(cause=self.cause)

    async def close(self) -> None:
        """As `Connector.close`: there is nothing to let go of."""


class UnusableProvider(UnusableConnector):
    """The same of a directory that takes browsers."""

    async def address(self, approach: Approach) -> str:
        """As `BrowserConnector.address`: always raises `BadGateway`."""
        raise BadGateway(cause=self.cause)

    async def arrived(self, approach: Approach, *, code: str, issuer: str | None) -> Profile | None:
        """As `BrowserConnector.arrived`: always raises `BadGateway`."""
        raise BadGateway(cause=self.cause)


def unusable(configuration: DirectoryConfiguration, cause: str) -> UnusableConnector:
    """What stands in the place of this directory's connector."""
    connection = configuration.connection
    if isinstance(connection, OidcConfiguration):
        return UnusableProvider(cause, takes_passwords=connection.password_grant)
    return UnusableConnector(cause)
