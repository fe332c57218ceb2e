"""Rows of the trail as people are shown them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vestibule.audit.models import AuditEvent
from vestibule.clients.registration import FIRST_PARTY
from vestibule.pages.account.events import in_words
from vestibule.pages.account.names import Names


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the trail, as it is shown."""

    when: datetime
    what: str
    result: str
    address: str
    client: str
    """Its name; empty for our own."""
    place: str
    """Where or by whom, in a word; empty for nothing to say."""


async def happening_of(event: AuditEvent, names: Names, *, place: str) -> Happening:
    """The row in words, at this place."""
    client_id = event.client_id
    elsewhere = client_id is not None and client_id != FIRST_PARTY
    return Happening(
        when=event.occurred_at,
        what=in_words(event.event),
        result=event.result.value,
        address=event.address,
        client=await names.client(client_id) if client_id and elsewhere else "",
        place=place,
    )
