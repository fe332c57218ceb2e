"""`/account/activity`: what happened on somebody's account, from the trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from vestibule.audit.models import AuditEvent
from vestibule.audit.service import Audit
from vestibule.clients.registration import FIRST_PARTY
from vestibule.clients.service import Clients
from vestibule.orgs.service import Organizations
from vestibule.pages.account.events import in_words
from vestibule.pages.account.names import Names, organizations_of
from vestibule.pages.refusals import as_id
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter

PATH = "/account/activity"
PAGE = 50


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the trail, as it is shown."""

    when: datetime
    what: str
    result: str
    address: str
    client: str
    """Its name; empty for our own."""
    organization: str
    """Its name; empty for none, and for one that the person does not belong to."""


def router(
    *, room: Room, audit: Audit, clients: Clients, organizations: Organizations
) -> PageRouter:
    """The page of one's own trail."""
    routes = room.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        found = await audit.of_user(
            here.user.id, before=as_id(here.query("before")), limit=PAGE + 1
        )
        names = Names(clients)
        known = await organizations_of(organizations, here.user.id)

        async def happening(event: AuditEvent) -> Happening:
            client_id = event.client_id
            elsewhere = client_id is not None and client_id != FIRST_PARTY
            return Happening(
                when=event.occurred_at,
                what=in_words(event.event),
                result=event.result.value,
                address=event.address,
                client=await names.client(client_id) if client_id and elsewhere else "",
                organization=known.get(event.org_id, "") if event.org_id else "",
            )

        return here.page(
            "account/activity.html",
            happenings=[await happening(event) for event in found[:PAGE]],
            before=str(found[PAGE - 1].id) if len(found) > PAGE else "",
            is_first=not here.query("before"),
        )

    return routes
