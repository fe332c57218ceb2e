"""In the place of a connector: of a directory that can't be asked here."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from vestibule.errors import BadGateway
from vestibule.identity.connector import Profile


class UnusableConnector:
    """Refuses everything, for one cause.

    The directory goes on answering for its people: were it left out, who knows an account's former
    password would get in while it can't be asked.
    """

    takes_passwords = True
    can_look_up = False

    def __init__(self, cause: str) -> None:
        self.cause = cause

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
