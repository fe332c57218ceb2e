"""`/organizations/{org}/provisioning`: identity providers, and what their groups mean here."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, ApiError
from vestibule.orgs.models import Role
from vestibule.pages.organization.standing import PATH as ORGANIZATION, Standings
from vestibule.pages.paging import uuid_of
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter
from vestibule.scim.administration import ScimAdministration

PATH = f"{ORGANIZATION}/provisioning"
NEW = f"{PATH}/new"

GROUPS = 50
"""On a page."""
GIVEN = (Role.MEMBER, Role.ADMIN)
"""What a group can make of its members."""


class ProvisioningForm(RoomForm):
    """Which token is to end, or what a group's members are to be."""

    action: Literal["revoke", "map"]
    scim_token: str = Field(default="", max_length=36)
    group: str = Field(default="", max_length=36)
    role: Role | None = None


class NewTokenForm(RoomForm):
    """What is wished of a new token."""

    name: str = Field(default="", max_length=400)
    lifetime: Literal["90", "365", "never"] = "365"
    """Days."""


def router(
    *,
    room: Room,
    fresh: Room,
    administration: ScimAdministration,
    standings: Standings,
    base: str,
    clock: Clock,
) -> PageRouter:
    """The pages of provisioning; `base` is the address that providers are told.

    To make a token asks for a `fresh` sign-in.
    """
    routes, making = room.router(), fresh.router()

    async def shown(here: Here, *, error: ApiError | None = None) -> Response:
        standing = await standings.here(here)
        org = standing.organization.key
        tokens = await administration.tokens(here.caller, org=org)
        groups = await administration.groups(here.caller, org=org)
        before = [str(group.id) for group in groups]
        after = here.query("after")
        first = before.index(after) + 1 if after in before else 0
        last = min(first + GROUPS, len(groups))
        return here.page(
            "organization/provisioning.html",
            standing=standing,
            organization=standing.organization,
            tokens=[token for token in tokens if token.revoked_at is None],
            groups=groups[first:last],
            after=before[last - 1] if last < len(groups) else "",
            is_first=first == 0,
            given=[role.value for role in GIVEN],
            base=base,
            now=utc(clock),
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        org = here.param("org")
        try:
            form = await here.form(ProvisioningForm)
            if form.action == "revoke":
                token_id = uuid_of(form.scim_token)
                await administration.revoke(here.caller, org=org, token_id=token_id)
                return here.done("revoked")
            await administration.map_group(
                here.caller, org=org, group_id=uuid_of(form.group), role=form.role
            )
        except ApiError as error:
            return await shown(here, error=error)
        return here.done("mapped")

    async def asked(
        here: Here, *, error: ApiError | None = None, form: NewTokenForm | None = None
    ) -> Response:
        standing = await standings.here(here)
        if not standing.may("scim_admit"):
            # Before they type anything.
            raise AccessForbidden(
                "Your role in this organization does not allow this", cause="role"
            )
        return here.page(
            "organization/new_token.html",
            standing=standing,
            organization=standing.organization,
            form=form or NewTokenForm(action=""),
            **refusal(error),
        )

    @making.shows(NEW)
    async def ask(here: Here) -> Response:
        return await asked(here)

    @making.acts(NEW)
    async def make(here: Here) -> Response:
        form, standing = None, await standings.here(here)
        try:
            form = await here.form(NewTokenForm)
            days = None if form.lifetime == "never" else timedelta(days=int(form.lifetime))
            made = await administration.create(
                here.caller,
                org=here.param("org"),
                name=form.name,
                expires_at=utc(clock) + days if days else None,
            )
        except ApiError as error:
            return await asked(here, error=error, form=form)
        # Not by way of GET: the secret is shown in this one answer, and kept nowhere.
        return here.page(
            "organization/made_token.html",
            standing=standing,
            organization=standing.organization,
            token=made.token,
            secret=made.secret.get_secret_value(),
            base=base,
        )

    routes.routes += making.routes
    return routes
