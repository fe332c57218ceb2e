"""`/admin/keys`: the keys that sign tokens, and their rotation."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.responses import Response

from vestibule.clock import Clock, utc
from vestibule.errors import NotFound, ValidationFailed
from vestibule.pages.language import gettext as _
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter
from vestibule.tokens.administration import KeyAdministration

PATH = "/admin/keys"


class KeyForm(RoomForm):
    """Which key, and that it is meant."""

    kid: str = Field(default="", max_length=100)
    typed: str = Field(default="", max_length=100)


def router(*, room: Room, keys: KeyAdministration, clock: Clock) -> PageRouter:
    """The page of signing keys."""
    routes = room.router()

    async def shown(here: Here, **told: Any) -> Response:
        now = utc(clock)
        found = await keys.list(here.caller)
        active = [key.kid for key in found if key.activates_at <= now]
        return here.page(
            "administration/keys.html",
            **told,
            found=found,
            signs=active[-1] if active else "",
            now=now,
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        form = await here.form(KeyForm)
        if form.action == "rotate":
            await keys.rotate(here.caller)
            return here.done("rotated")
        if form.action != "revoke":
            raise NotFound("Nothing is here", cause="action")
        if form.typed.strip() != form.kid[:8]:
            return await shown(
                here,
                status=422,
                error=_("Type the first eight characters of the key to revoke it."),
            )
        try:
            await keys.revoke(here.caller, form.kid)
        except (NotFound, ValidationFailed) as error:
            return await shown(here, **again(error))
        return here.done("revoked")

    return routes
