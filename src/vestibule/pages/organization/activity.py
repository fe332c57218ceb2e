"""`/organizations/{org}/activity`: what happened in an organization, from the trail."""

from __future__ import annotations

from starlette.responses import Response

from vestibule.audit.models import Wanted
from vestibule.clients.service import Clients
from vestibule.errors import InvalidRequest
from vestibule.orgs.policy import Action
from vestibule.orgs.trail import OrganizationTrail
from vestibule.pages.account.events import WORDS, in_words
from vestibule.pages.account.names import Names
from vestibule.pages.happenings import happening_of
from vestibule.pages.language import gettext as _
from vestibule.pages.organization.standing import PATH as ORGANIZATION, Standings
from vestibule.pages.paging import as_id, page_of
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter
from vestibule.pages.trails import PER_PAGE, RESULTS, file, files_at, format_of, given_in, happened
from vestibule.users.service import Users

PATH = f"{ORGANIZATION}/activity"
EXPORT = f"{PATH}/export"
FILTERS = ("event", "result", "since", "until")
OF_PEOPLE = {
    "access", "api_key_create", "api_key_revoke", "api_key_rotate", "authorize", "device_approve",
    "device_token", "directory_demand", "introspect", "login", "org_default", "refresh", "revoke",
    "token",
}  # fmt: skip
EVENTS = {
    *(action.value for action in Action),
    *OF_PEOPLE,
    *(event for event in WORDS if event.startswith("scim_")),
}
"""What happens in organizations."""


def router(
    *,
    room: Room,
    trail: OrganizationTrail,
    users: Users,
    clients: Clients,
    standings: Standings,
) -> PageRouter:
    """The page of an organization's trail."""
    routes = room.router()

    def wanted(given: dict[str, str]) -> tuple[Wanted, str]:
        """What the filters say, or all and why they say nothing."""
        try:
            return Wanted(**happened(given)), ""
        except ValueError:
            return Wanted(), _("A day is of the form 2026-01-31.")

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        standing = await standings.here(here)
        given = given_in(here.request, FILTERS)
        looked_for, error = wanted(given)
        found, edge = await trail.search(
            here.caller,
            looked_for,
            org=standing.organization.key,
            before=as_id(here.query("before")),
            limit=PER_PAGE,
        )
        if error:
            found, edge = [], None
        names = Names(clients)
        known = await users.names_of({e.user_id for e in found if e.user_id is not None})
        return here.page(
            "organization/activity.html",
            status=422 if error else 200,
            error=error,
            standing=standing,
            organization=standing.organization,
            happenings=[
                await happening_of(e, names, place=known.get(e.user_id, "") if e.user_id else "")
                for e in found
            ],
            given=given,
            results=RESULTS,
            events=sorted(((event, in_words(event)) for event in EVENTS), key=lambda e: e[1]),
            following=page_of(here.path, **given, before=str(edge)) if edge else "",
            exports=files_at(f"{here.path}/export", given),
        )

    @routes.shows(EXPORT)
    async def export(here: Here) -> Response:
        form, org = format_of(here.request), here.param("org")
        looked_for, error = wanted(given_in(here.request, FILTERS))
        if error:
            raise InvalidRequest(error.rstrip("."), cause="day")
        pieces = await trail.export(here.caller, looked_for, form, org=org)
        return file(pieces, form, name=f"{org}-activity")

    return routes
