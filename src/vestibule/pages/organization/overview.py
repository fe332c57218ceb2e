"""`/organizations/{org}`: what an organization is, and what it is called."""

from __future__ import annotations

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import ApiError
from vestibule.orgs.administration import Administration
from vestibule.pages.organization.standing import PATH, Standings
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter


class OrganizationForm(RoomForm):
    """What it is called."""

    name: str = Field(default="", max_length=400)
    description: str = Field(default="", max_length=4000)


def router(*, room: Room, administration: Administration, standings: Standings) -> PageRouter:
    """The first page of an organization."""
    routes = room.router()

    async def shown(
        here: Here, *, error: ApiError | None = None, form: OrganizationForm | None = None
    ) -> Response:
        standing = await standings.here(here)
        return here.page(
            "organization/overview.html",
            standing=standing,
            organization=standing.organization,
            form=form or standing.organization,
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def change(here: Here) -> Response:
        form = None
        try:
            form = await here.form(OrganizationForm)
            await administration.update(
                here.caller,
                org=here.param("org"),
                name=form.name,
                # A browser ends lines as text/plain does (HTML, form submission).
                description=form.description.replace("\r\n", "\n"),
            )
        except ApiError as error:
            return await shown(here, error=error, form=form)
        return here.done("changed")

    return routes
