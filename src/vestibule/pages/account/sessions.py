"""`/account/sessions`: where somebody is signed in, and how that ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.clients.service import Clients
from vestibule.errors import NotFound
from vestibule.pages.account.names import Names
from vestibule.pages.account.user_agents import described
from vestibule.pages.paging import as_id
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter
from vestibule.sessions.administration import SessionAdministration
from vestibule.sessions.models import Session, SessionKind

PATH = "/account/sessions"
PAGE = 50


class EndForm(RoomForm):
    """Which session; empty for all others."""

    action: Literal["end", "end_others"]
    session: str = Field(default="", max_length=36)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is signed in, as it is shown."""

    id: str
    name: str
    """Of the client; empty for these pages themselves."""
    program: str
    address: str
    began: datetime
    seen: datetime
    current: bool


def router(*, room: Room, administration: SessionAdministration, clients: Clients) -> PageRouter:
    """The page of one's own sessions."""
    routes = room.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        names = Names(clients)
        found = await administration.list_own(
            here.caller, after=as_id(here.query("after")), limit=PAGE + 1
        )
        places = [await _place(session, names, here) for session in found[:PAGE]]
        return here.page(
            "account/sessions.html",
            places=places,
            after=places[-1].id if len(found) > PAGE else "",
            is_first=not here.query("after"),
        )

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        form = await here.form(EndForm)
        if form.action == "end_others":
            await administration.end_others(here.caller)
            return here.done("others")
        session_id = as_id(form.session)
        if session_id is None:
            raise NotFound("Session not found", cause="session_unknown")
        await administration.end_own(here.caller, session_id)
        return here.done("ended")

    return routes


async def _place(session: Session, names: Names, here: Here) -> Place:
    by_client = session.kind is SessionKind.TOKEN
    return Place(
        id=str(session.id),
        name=await names.client(session.client_id) if by_client else "",
        program=described(session.user_agent),
        address=session.address,
        began=session.created_at,
        seen=session.last_seen_at,
        current=session.id == here.session.id,
    )
