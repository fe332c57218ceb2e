"""What clients and organizations are called, asked for once for each page."""

from __future__ import annotations

from uuid import UUID

from vestibule.clients.service import Clients
from vestibule.orgs.service import Organizations


class Names:
    """The names of clients."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, str] = {}

    async def client(self, client_id: str) -> str:
        """What the client is called; its id where it is gone."""
        if client_id not in self._known:
            client = await self._clients.named(client_id)
            self._known[client_id] = client.name if client else client_id
        return self._known[client_id]


async def organizations_of(organizations: Organizations, user_id: UUID) -> dict[UUID, str]:
    """By id, the names of the organizations that somebody belongs to."""
    memberships = await organizations.memberships_of(user_id)
    return {m.organization.id: m.organization.name for m in memberships}
