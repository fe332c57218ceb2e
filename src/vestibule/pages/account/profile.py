"""`/account`: who somebody is here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter, see_other

PATH = "/account"


def router(*, room: Room) -> PageRouter:
    """The first page of an account, and the way to it."""
    routes = room.router()

    @routes.page("/")
    async def home(_request: Request) -> Response:
        return see_other(PATH)

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return here.page("account/profile.html")

    return routes
