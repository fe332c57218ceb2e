"""Which client is calling: the first step of every road that ends with tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from vestibule.audit.service import Attempt
from vestibule.clients.models import Client, ClientKind
from vestibule.clients.service import Clients
from vestibule.errors import AuthenticationFailed, InvalidDpopProof, InvalidGrant
from vestibule.guard.service import Guard
from vestibule.guard.versions import check_version
from vestibule.http.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """What a client proves itself with (RFC 6749 §2.3, RFC 7523 §2.2)."""

    client_id: str | None = None
    client_secret: SecretStr | None = None
    assertion: SecretStr | None = None
    basic: bool = False
    """Whether they came in the `Authorization` field, so that a refusal names `Basic`."""


class Admission:
    """Lets clients in."""

    def __init__(self, *, guard: Guard, clients: Clients) -> None:
        self.guard = guard
        self._clients = clients

    async def admit(self, credentials: ClientCredentials, visit: Visit, attempt: Attempt) -> Client:
        """The client that is calling, proved and of a version that is still welcome.

        Raises `UpgradeRequired`, `RateLimited`, `AuthenticationFailed`, `InvalidRequest`.
        """
        self.guard.require_secure(scheme=visit.scheme, address=visit.address)
        try:
            client = await self._clients.authenticate(
                client_id=credentials.client_id,
                client_secret=credentials.client_secret,
                assertion=credentials.assertion,
            )
        except AuthenticationFailed as error:
            await self.guard.failed(visit.network)
            if credentials.basic:
                # RFC 6749 §5.2: the challenge is of the scheme that the client has used.
                raise AuthenticationFailed(
                    cause=error.cause, challenge='Basic realm="vestibule"'
                ) from None
            raise
        attempt.client_id = client.client_id
        if client.kind is ClientKind.PUBLIC:
            # Anybody can be that client. One that has proved who it is is not held up by what
            # its neighbours at the same address do.
            await self.guard.require_few_failures(visit.network)
        check_version(
            client_id=client.client_id,
            minimum=client.minimum_version,
            user_agent=visit.user_agent,
            x_client_version=visit.client_version,
        )
        return client

    @asynccontextmanager
    async def counting_guesses(self, client: Client, visit: Visit) -> AsyncIterator[None]:
        """Count what is refused as a grant or proof: it may be one of many guesses at a secret.

        Not of a client that has proved who it is: it passes on what its users bring.
        """
        try:
            yield
        except (InvalidGrant, InvalidDpopProof):
            if client.kind is ClientKind.PUBLIC:
                await self.guard.failed(visit.network)
            raise
