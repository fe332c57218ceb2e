"""`/account/password`: a new password for whoever knows the present one."""

from __future__ import annotations

from pydantic import Field, SecretStr
from starlette.responses import Response

from vestibule.errors import ApiError
from vestibule.http.forms import MAX_SECRET
from vestibule.http.visit import visit_of
from vestibule.identity.registry import Registry
from vestibule.login.own_password import OwnPassword
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/account/password"


class PasswordForm(RoomForm):
    """The present password and the new one."""

    current_password: SecretStr = Field(min_length=1, max_length=MAX_SECRET)
    new_password: SecretStr = Field(min_length=1, max_length=MAX_SECRET)


def router(*, room: Room, own_password: OwnPassword, registry: Registry) -> PageRouter:
    """The page of one's own password."""
    routes = room.router()

    async def shown(here: Here, *, error: ApiError | None = None) -> Response:
        return here.page(
            "account/password.html",
            scripts=False,
            directory=await registry.answering_for(here.user.id),
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        try:
            form = await here.form(PasswordForm)
            await own_password.change(
                here.caller,
                current=form.current_password,
                new=form.new_password,
                visit=visit_of(here.request),
            )
        except ApiError as error:
            return await shown(here, error=error)
        return here.done("changed")

    return routes
