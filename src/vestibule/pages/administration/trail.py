"""`/admin/audit`: what has happened, looked through by filters, and taken out as a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.responses import Response

from vestibule.access.trail import Trail
from vestibule.audit.models import AuditEvent, Wanted
from vestibule.pages.language import gettext as _
from vestibule.pages.paging import as_id, page_of
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter
from vestibule.pages.trails import PER_PAGE, RESULTS, file, files_at, format_of, given_in, happened
from vestibule.text import comparable
from vestibule.users.service import Users

PATH = "/admin/audit"
EXPORT = f"{PATH}/export"
FILTERS = (
    "user", "event", "result", "cause", "client", "org", "address", "target", "request", "since",
    "until",
)  # fmt: skip


def router(*, room: Room, trail: Trail, users: Users) -> PageRouter:
    """The pages of the trail."""
    routes = room.router()

    async def wanted(given: dict[str, str]) -> tuple[Wanted | None, str]:
        """What the filters say, or None and why they say nothing."""
        values: dict[str, Any] = {
            "cause": given["cause"] or None,
            "client_id": given["client"] or None,
            "address": given["address"] or None,
            "target": given["target"] or None,
            "request_id": given["request"] or None,
        }
        try:
            values |= happened(given)
            values["org_id"] = UUID(given["org"]) if given["org"] else None
        except ValueError:
            return None, _("A day is of the form 2026-01-31, and an organization's id is a UUID.")
        if given["user"]:
            values["user_id"] = as_id(given["user"])
            if values["user_id"] is None:
                user = await users.find(comparable(given["user"]))
                if user is None:
                    return None, _("There is no user of this name.")
                values["user_id"] = user.id
        return Wanted(**values), ""

    async def names_in(events: list[AuditEvent]) -> dict[object, str]:
        """Who did something, by id, and whom it was done to, by target."""
        ids = {
            user_id
            for event in events
            for user_id in (event.user_id, as_id(event.target or ""))
            if user_id is not None
        }
        found: dict[object, str] = {}
        for user_id, name in (await users.names_of(ids)).items():
            found[user_id] = found[str(user_id)] = name
        return found

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        given = given_in(here.request, FILTERS)
        looked_for, error = await wanted(given)
        before = as_id(here.query("before"))
        found, edge = (
            await trail.search(here.caller, looked_for, before=before, limit=PER_PAGE)
            if looked_for
            else ([], None)
        )
        return here.page(
            "administration/audit.html",
            error=error,
            status=422 if error else 200,
            found=found,
            names=await names_in(found),
            given=given,
            results=RESULTS,
            following=page_of(PATH, **given, before=str(edge)) if edge else "",
            exports=files_at(EXPORT, given),
        )

    @routes.shows(EXPORT)
    async def export(here: Here) -> Response:
        form = format_of(here.request)
        looked_for, error = await wanted(given_in(here.request, FILTERS))
        if looked_for is None:
            return here.page("administration/refused.html", status=422, error=error)
        pieces = await trail.export(here.caller, looked_for, form)
        return file(pieces, form, name="audit")

    return routes
