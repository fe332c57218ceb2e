"""`/account/organizations`: where somebody belongs, what they enter by default, how they leave."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import ApiError, NotFound
from vestibule.members.default import DefaultOrganization
from vestibule.members.service import Members
from vestibule.orgs.service import Organizations
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/account/organizations"


class OrganizationForm(RoomForm):
    """Key of the organization, and what to do with it."""

    action: Literal["leave", "default", "ask"]
    org: str = Field(default="", max_length=63)


def router(
    *,
    room: Room,
    organizations: Organizations,
    members: Members,
    default: DefaultOrganization,
) -> PageRouter:
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
    async def act(here: Here) -> Response:
        try:
            form = await here.form(OrganizationForm)
            if form.action == "leave":
                await members.remove(here.caller, org=form.org, user_id=here.user.id)
            elif form.action == "ask":
                await default.choose(here.caller, "")
            elif form.org:
                await default.choose(here.caller, form.org)
            else:
                raise NotFound("Organization not found", cause="org_unknown")
        except ApiError as error:
            return await shown(here, error=error)
        return here.done(form.action)

    return routes
