"""`/account/activity`: what happened on somebody's account, from the trail."""

from __future__ import annotations

from starlette.responses import Response

from vestibule.audit.models import AuditEvent
from vestibule.audit.service import Audit
from vestibule.clients.service import Clients
from vestibule.orgs.service import Organizations
from vestibule.pages.account.names import Names, organizations_of
from vestibule.pages.happenings import happening_of
from vestibule.pages.paging import as_id
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter

PATH = "/account/activity"
PAGE = 50


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

        def place(event: AuditEvent) -> str:
            # Of one that the person does not belong to, nothing is said.
            return known.get(event.org_id, "") if event.org_id else ""

        return here.page(
            "account/activity.html",
            happenings=[
                await happening_of(event, names, place=place(event)) for event in found[:PAGE]
            ],
            before=str(found[PAGE - 1].id) if len(found) > PAGE else "",
            is_first=not here.query("before"),
        )

    return routes
