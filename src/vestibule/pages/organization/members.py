"""`/organizations/{org}/members`: who belongs to an organization, and as what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import ApiError, NotFound
from vestibule.members.service import Members
from vestibule.orgs.administration import Administration
from vestibule.orgs.models import Role
from vestibule.pages.organization.standing import PATH as ORGANIZATION, Standings
from vestibule.pages.paging import as_id
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = f"{ORGANIZATION}/members"
PAGE = 50


class MemberForm(RoomForm):
    """Which member, and what they are to be."""

    action: Literal["role", "transfer", "remove"]
    member: str = Field(default="", max_length=36)
    role: Role = Role.MEMBER


def router(
    *, room: Room, members: Members, administration: Administration, standings: Standings
) -> PageRouter:
    """The page of members."""
    routes = room.router()

    async def shown(here: Here, *, error: ApiError | None = None) -> Response:
        standing = await standings.here(here)
        found = await members.list(
            here.caller,
            org=standing.organization.key,
            after=as_id(here.query("after")),
            limit=PAGE + 1,
        )
        return here.page(
            "organization/members.html",
            standing=standing,
            organization=standing.organization,
            members=found[:PAGE],
            after=str(found[PAGE - 1].user_id) if len(found) > PAGE else "",
            is_first=not here.query("after"),
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        org = here.param("org")
        try:
            form = await here.form(MemberForm)
            user_id = as_id(form.member)
            if user_id is None:
                raise NotFound("Member not found", cause="member_unknown")
            if form.action == "remove":
                await members.remove(here.caller, org=org, user_id=user_id)
                return here.done("removed")
            if form.action == "transfer":
                await administration.transfer(here.caller, org=org, user_id=user_id)
                return here.done("transferred")
            await members.change_role(here.caller, org=org, user_id=user_id, role=form.role)
        except ApiError as error:
            return await shown(here, error=error)
        return here.done("changed")

    return routes
