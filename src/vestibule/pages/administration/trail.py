"""`/admin/audit`: what has happened, looked through by filters, and taken out as a file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from vestibule.access.trail import Format, Trail
from vestibule.audit.models import Result, Wanted
from vestibule.pages.administration.paging import page_of
from vestibule.pages.language import gettext as _
from vestibule.pages.rendering import security_headers
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter
from vestibule.text import comparable
from vestibule.users.service import Users

PATH = "/admin/audit"
EXPORT = f"{PATH}/export"
PER_PAGE = 50
MAX_TEXT = 320
FILTERS = (
    "user", "event", "result", "cause", "client", "org", "address", "target", "request", "since",
    "until",
)  # fmt: skip
MEDIA_TYPES: dict[str, str] = {"csv": "text/csv", "jsonl": "application/jsonl"}


def router(*, room: Room, trail: Trail, users: Users) -> PageRouter:
    """The pages of the trail."""
    routes = room.router()

    async def wanted(given: Mapping[str, str]) -> tuple[Wanted | None, str]:
        """What the filters say, or None and why they say nothing."""
        values: dict[str, Any] = {
            "event": given["event"] or None,
            "cause": given["cause"] or None,
            "client_id": given["client"] or None,
            "address": given["address"] or None,
            "target": given["target"] or None,
            "request_id": given["request"] or None,
            "result": Result(given["result"]) if given["result"] in set(Result) else None,
        }
        try:
            values["org_id"] = UUID(given["org"]) if given["org"] else None
            values["since"] = _day(given["since"])
            until = _day(given["until"])
            values["until"] = until + timedelta(days=1) if until else None
        except (ValueError, OverflowError):
            return None, _("A day is of the form 2026-01-31, and an organization's id is a UUID.")
        if given["user"]:
            with suppress(ValueError):
                values["user_id"] = UUID(given["user"])
            if "user_id" not in values:
                user = await users.find(comparable(given["user"]))
                if user is None:
                    return None, _("There is no user of this name.")
                values["user_id"] = user.id
        return Wanted(**values), ""

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        given = _given(here.request)
        looked_for, error = await wanted(given)
        before = None
        with suppress(ValueError):
            before = UUID(here.query("before"))
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
            given=given,
            results=[result.value for result in Result],
            following=page_of(PATH, **given, before=str(edge)) if edge else "",
            exports={form: page_of(EXPORT, **given, format=form) for form in MEDIA_TYPES},
        )

    @routes.shows(EXPORT)
    async def export(here: Here) -> Response:
        form: Format = "jsonl" if here.query("format") == "jsonl" else "csv"
        looked_for, error = await wanted(_given(here.request))
        if looked_for is None:
            return here.page("administration/refused.html", status=422, error=error)
        return StreamingResponse(
            await trail.export(here.caller, looked_for, form),
            media_type=f"{MEDIA_TYPES[form]}; charset=utf-8",
            headers={
                **security_headers(),
                "Content-Disposition": f'attachment; filename="audit.{form}"',
            },
        )

    return routes


def _given(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:MAX_TEXT] for name in FILTERS}


def _day(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
