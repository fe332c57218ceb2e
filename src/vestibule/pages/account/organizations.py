"""`/account/organizations`: where somebody belongs, and how they leave."""

from __future__ import annotations

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import ApiError
from vestibule.members.service import Members
from vestibule.orgs.service import Organizations
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/account/organizations"


class LeaveForm(RoomForm):
    """Key of the organization."""

    org: str = Field(default="", max_length=63)


def router(*, room: Room, organizations: Organizations, members: Members) -> PageRouter:
    """The page of one's own organizations."""
    routes = room.router()

    async def shown(here: Here, *, error: ApiError | None = None) -> Response:
        return here.page(
            "account/organizations.html",
            memberships=await organizations.memberships_of(here.user.id),
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def leave(here: Here) -> Response:
        try:
            form = await here.form(LeaveForm)
            await members.remove(here.caller, org=form.org, user_id=here.user.id)
        except ApiError as error:
            return await shown(here, error=error)
        return here.done("left")

    return routes
