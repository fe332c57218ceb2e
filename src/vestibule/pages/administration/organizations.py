"""`/admin/organizations`: all organizations, new ones, and those that nobody may enter."""

from __future__ import annotations

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import AlreadyExists, ApiError, NotFound, ValidationFailed
from vestibule.orgs.administration import Administration
from vestibule.orgs.service import Organizations
from vestibule.pages.paging import page_of
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/admin/organizations"
PER_PAGE = 50


class OrganizationForm(RoomForm):
    """An organization: a new one, or the key of one that there is."""

    key: str = Field(default="", max_length=63)
    name: str = Field(default="", max_length=200)


def router(
    *, room: Room, organizations: Organizations, administration: Administration
) -> PageRouter:
    """The page of all organizations."""
    routes = room.router()

    async def shown(
        here: Here, *, refused: ApiError | None = None, form: OrganizationForm | None = None
    ) -> Response:
        found = await organizations.list(
            start=here.query("search")[:63], after=here.query("after"), limit=PER_PAGE + 1
        )
        following = ""
        if len(found) > PER_PAGE:
            found = found[:PER_PAGE]
            following = page_of(PATH, search=here.query("search")[:63], after=found[-1].key)
        return here.page(
            "administration/organizations.html",
            **again(refused),
            found=found,
            form=form or OrganizationForm(action="create"),
            search=here.query("search")[:63],
            following=following,
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        form = await here.form(OrganizationForm)
        try:
            if form.action == "create":
                await administration.create(
                    here.caller, key=form.key, name=form.name or form.key, description=""
                )
            elif form.action == "suspend":
                await administration.suspend(here.caller, org=form.key)
            elif form.action == "resume":
                await administration.resume(here.caller, org=form.key)
            else:
                raise NotFound("Nothing is here", cause="action")
        except (ValidationFailed, AlreadyExists, NotFound) as error:
            return await shown(here, refused=error, form=form)
        return here.done(form.action)

    return routes
