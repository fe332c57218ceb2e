"""`/account`: who somebody is here."""

from __future__ import annotations

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import ApiError
from vestibule.http.visit import visit_of
from vestibule.identity.own_profile import OwnProfile
from vestibule.identity.registry import Registry
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter, see_other
from vestibule.recovery.service import Recovery

PATH = "/account"


class NamesForm(RoomForm):
    """What a person is called."""

    first_name: str = Field(default="", max_length=400)
    last_name: str = Field(default="", max_length=400)


def router(
    *, room: Room, profile: OwnProfile, registry: Registry, recovery: Recovery, sends_mail: bool
) -> PageRouter:
    """The first page of an account, and the way to it. `sends_mail` where mail reaches people."""
    routes = room.router()

    @routes.page("/")
    async def home(_request: Request) -> Response:
        return see_other(PATH)

    async def shown(
        here: Here, *, error: ApiError | None = None, form: NamesForm | None = None
    ) -> Response:
        return here.page(
            "account/profile.html",
            directory=await registry.answering_for(here.user.id),
            first_name=form.first_name if form else here.user.first_name,
            last_name=form.last_name if form else here.user.last_name,
            sends_mail=sends_mail,
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        form = None
        try:
            if await here.action() == "verify":
                await here.form(RoomForm)
                await recovery.send_verification(
                    here.caller, network=visit_of(here.request).network
                )
                return here.done("verify")
            form = await here.form(NamesForm)
            await profile.rename(here.caller, first_name=form.first_name, last_name=form.last_name)
        except ApiError as error:
            return await shown(here, error=error, form=form)
        return here.done("names")

    return routes
