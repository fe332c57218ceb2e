"""Clients, remembered for a moment: every request of a program asks who the program is."""

from __future__ import annotations

from vestibule.clients import repository
from vestibule.clients.models import Client
from vestibule.clock import Clock
from vestibule.state.news import News
from vestibule.storage.database import Database

CHANGED = "clients"
"""The topic by which instances tell of it."""
MOMENT = 1.0
"""Seconds for which an instance may not know of a change that nobody could tell it of."""
MOST = 1000
"""Clients that are remembered at once."""


class RememberedClients:
    """Finds registered clients; asks the database for each once a moment at the most."""

    def __init__(self, *, database: Database, clock: Clock, news: News) -> None:
        """`news` tells the other instances of changes, and this one of theirs."""
        self._database = database
        self._clock = clock
        self._news = news
        self._known: dict[str, tuple[float, Client]] = {}
        self._changes = 0
        news.on(CHANGED, self._forget)

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, as it is or was a moment ago. What isn't there is asked anew."""
        now = self._clock.monotonic()
        known = self._known.get(client_id)
        if known is not None and now - known[0] < MOMENT:
            return known[1]
        changes = self._changes
        client = await self._database.read(lambda c: repository.by_id(c, client_id))
        # What was changed meanwhile may be newer than what was read.
        if client is not None and changes == self._changes:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[client_id] = (now, client)
        return client

    async def changed(self) -> None:
        """A client was changed: know it anew, here and everywhere."""
        self._forget("")
        await self._news.tell(CHANGED)

    def _forget(self, _message: str) -> None:
        self._known.clear()
        self._changes += 1
