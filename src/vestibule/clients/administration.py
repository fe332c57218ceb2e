"""Clients, for administrators of the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from pydantic import SecretStr

from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clients.models import Client, ClientKind
from vestibule.clients.service import Also, Clients

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What a client may, and how it is known to people."""

    name: str
    grants: frozenset[str]
    scopes: frozenset[str]
    redirect_uris: frozenset[str]
    organizations: frozenset[str] | None
    """Keys of the organizations that it may enter; None for all."""
    minimum_version: str | None
    first_party: bool
    dpop_bound: bool


class ClientAdministration:
    """Registers clients, changes what they may, and gives them new secrets.

    Every method raises `AccessForbidden` for everybody else. What is done stands in the trail, with
    the client's id as its target.
    """

    def __init__(self, *, clients: Clients, audit: Audit) -> None:
        self._clients = clients
        self._acts = Acts(audit)

    async def list(self, caller: Caller) -> list[Client]:
        """All of them by id."""
        await self._acts.require(caller)
        return await self._clients.list()

    async def get(self, caller: Caller, client_id: str) -> Client:
        """One of them. Raises `NotFound`."""
        await self._acts.require(caller)
        return await self._clients.get(client_id)

    async def create(
        self, caller: Caller, client_id: str, kind: ClientKind, may: Permissions
    ) -> SecretStr | None:
        """Register one; the secret of a confidential one, which is not kept.

        Raises `ValidationFailed`, `AlreadyExists`.
        """

        async def work(also: Also) -> SecretStr | None:
            _, secret = await self._clients.create(
                client_id=client_id, kind=kind, **_fields(may), also=also
            )
            return secret

        return await self._act(caller, "client_create", client_id, work, status=201)

    async def update(
        self, caller: Caller, client_id: str, may: Permissions, *, seen: datetime | None
    ) -> None:
        """Change what it may. Raises `NotFound`, `ValidationFailed`.

        `Conflict` where it was changed since it was `seen` with that `updated_at`.
        """

        async def work(also: Also) -> None:
            await self._clients.update(client_id, **_fields(may), seen=seen, also=also)

        await self._act(caller, "client_update", client_id, work)

    async def switch(self, caller: Caller, client_id: str, *, is_active: bool) -> None:
        """Switch it on or off. Raises `NotFound`."""

        async def work(also: Also) -> None:
            await self._clients.switch(client_id, is_active=is_active, also=also)

        event = "client_enable" if is_active else "client_disable"
        await self._act(caller, event, client_id, work)

    async def rotate_secret(self, caller: Caller, client_id: str) -> SecretStr:
        """A new secret; the former ends within a second. Raises `NotFound`, `InvalidRequest`."""

        async def work(also: Also) -> SecretStr:
            return await self._clients.rotate_secret(client_id, also=also)

        return await self._act(caller, "client_secret_rotate", client_id, work)

    async def _act(
        self,
        caller: Caller,
        name: str,
        client_id: str,
        work: Callable[[Also], Awaitable[T]],
        *,
        status: int = 200,
    ) -> T:
        async with self._acts.act(caller, name, target=client_id[:100]) as attempt:
            event = self._acts.done(attempt, status=status)
            result = await work(lambda c: self._acts.audit.add(c, event))
        self._acts.audit.log(event)
        return result


def _fields(may: Permissions) -> dict[str, Any]:
    return {field.name: getattr(may, field.name) for field in fields(may)}
