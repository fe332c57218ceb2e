"""`/account/keys`: API keys, with which programs act for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE
from vestibule.apikeys.format import prefix_of
from vestibule.apikeys.service import ApiKeys, Wish
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import ApiError, NotFound
from vestibule.orgs.service import Organizations
from vestibule.pages.account.names import organizations_of
from vestibule.pages.paging import as_id
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/account/keys"
NEW = "/account/keys/new"

Access = Literal["read", "write"]
SCOPES: dict[Access, frozenset[str]] = {
    "read": frozenset({API_READ}),
    "write": frozenset({API_READ, API_WRITE}),
}
Lifetime = Literal["30", "90", "365", "never"]
"""Days."""


class RevokeForm(RoomForm):
    """Which key."""

    key: str = Field(default="", max_length=36)


class NewKeyForm(RoomForm):
    """What is wished of a new key."""

    name: str = Field(default="", max_length=400)
    org: str = Field(default="", max_length=63)
    """Key of the only organization that it opens; empty for all."""
    access: Access = "read"
    lifetime: Lifetime = "90"
    allow_self_revoke: bool = False


def router(
    *,
    room: Room,
    fresh: Room,
    keys: ApiKeys,
    organizations: Organizations,
    audit: Audit,
    clock: Clock,
) -> PageRouter:
    """The pages of one's own keys. To make one asks for a `fresh` sign-in."""
    routes, making = room.router(), fresh.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return here.page(
            "account/keys.html",
            keys=await keys.list(here.caller),
            organizations=await organizations_of(organizations, here.user.id),
            prefix_of=prefix_of,
            now=utc(clock),
        )

    @routes.acts(PATH)
    async def revoke(here: Here) -> Response:
        form = await here.form(RevokeForm)
        key_id = as_id(form.key)
        if key_id is None:
            raise NotFound("API key not found", cause="key_unknown")
        attempt = here.caller.attempt("api_key_revoke")
        async with audit.following(attempt):
            await keys.revoke(here.caller, key_id, attempt)
        return here.done("revoked")

    async def asked(
        here: Here, *, error: ApiError | None = None, form: NewKeyForm | None = None
    ) -> Response:
        return here.page(
            "account/new_key.html",
            form=form or NewKeyForm(action=""),
            memberships=await organizations.memberships_of(here.user.id),
            **refusal(error),
        )

    @making.shows(NEW)
    async def ask(here: Here) -> Response:
        return await asked(here)

    @making.acts(NEW)
    async def make(here: Here) -> Response:
        form = None
        attempt = here.caller.attempt("api_key_create")
        try:
            form = await here.form(NewKeyForm)
            async with audit.following(attempt):
                made, secret = await keys.create(here.caller, _wish(form), attempt)
        except ApiError as error:
            return await asked(here, error=error, form=form)
        # Not by way of GET: the secret is shown in this one answer, and kept nowhere.
        return here.page("account/made_key.html", key=made, secret=secret.get_secret_value())

    routes.routes += making.routes
    return routes


def _wish(form: NewKeyForm) -> Wish:
    days = None if form.lifetime == "never" else timedelta(days=int(form.lifetime))
    return Wish(
        name=form.name,
        org=form.org or None,
        allowed_scopes=SCOPES[form.access],
        allow_self_revoke=form.allow_self_revoke,
        expires_in=int(days.total_seconds()) if days else None,
    )
