"""`/organizations/{org}/invitations`: who is invited to an organization."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from vestibule.errors import ApiError, NotFound
from vestibule.members.invitations import Invitations, Invited
from vestibule.orgs.models import Role
from vestibule.pages.organization.standing import PATH as ORGANIZATION, Standings
from vestibule.pages.paging import as_id
from vestibule.pages.refusals import refusal
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = f"{ORGANIZATION}/invitations"
PAGE = 50


class InvitationForm(RoomForm):
    """Whom to invite, and to what; or which invitation to withdraw."""

    action: Literal["invite", "withdraw"]
    email_address: str = Field(default="", max_length=400)
    role: Role = Role.MEMBER
    invitation: str = Field(default="", max_length=36)


def router(*, room: Room, invitations: Invitations, standings: Standings) -> PageRouter:
    """The page of invitations."""
    routes = room.router()

    async def shown(
        here: Here,
        *,
        error: ApiError | None = None,
        form: InvitationForm | None = None,
        invited: Invited | None = None,
    ) -> Response:
        standing = await standings.here(here)
        found = await invitations.list(
            here.caller,
            org=standing.organization.key,
            after=as_id(here.query("after")),
            limit=PAGE + 1,
        )
        return here.page(
            "organization/invitations.html",
            standing=standing,
            organization=standing.organization,
            invitations=found[:PAGE],
            after=str(found[PAGE - 1].id) if len(found) > PAGE else "",
            is_first=not here.query("after"),
            form=form or InvitationForm(action="invite"),
            invited=invited,
            link=invitations.link(invited.token).get_secret_value() if invited else "",
            **refusal(error),
        )

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        return await shown(here)

    @routes.acts(PATH)
    async def act(here: Here) -> Response:
        org, form = here.param("org"), None
        try:
            form = await here.form(InvitationForm)
            if form.action == "withdraw":
                invitation_id = as_id(form.invitation)
                if invitation_id is None:
                    raise NotFound("Invitation not found", cause="invitation_unknown")
                await invitations.revoke(here.caller, org=org, invitation_id=invitation_id)
                return here.done("withdrawn")
            invited = await invitations.invite(
                here.caller, org=org, email_address=form.email_address, role=form.role
            )
        except ApiError as error:
            return await shown(here, error=error, form=form)
        if not invited.mail_sent:
            # Nobody else brings it to them: the link is shown in this one answer.
            return await shown(here, invited=invited)
        return here.done("invited")

    return routes
