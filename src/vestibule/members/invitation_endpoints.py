"""`/api/v1/org/{org}/invitations` and `/api/v1/invitations`: inviting and accepting."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.members.invitations import Invitations
from vestibule.members.schemas import (
    CreatedInvitation,
    InvitationRecord,
    InvitationToken,
    NewInvitation,
)
from vestibule.orgs.paging import AfterId, Limit
from vestibule.orgs.schemas import UserOrganization, user_organization


def router(*, invitations: Invitations, authenticate: Authenticate) -> APIRouter:
    """The routes of invitations."""
    routes = APIRouter(prefix="/api/v1", tags=["Invitations"], route_class=StrictRoute)

    @routes.get(
        "/org/{org}/invitations",
        summary="Invitations",
        description="Those that can still be accepted, oldest first. For admins and owners",
        operation_id="list_invitations",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def list_invitations(
        request: Request, org: str, after: AfterId = None, limit: Limit = 100
    ) -> list[InvitationRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await invitations.list(caller, org=org, after=after, limit=limit)
        return [InvitationRecord.model_validate(invitation) for invitation in found]

    @routes.post(
        "/org/{org}/invitations",
        status_code=201,
        summary="Invite somebody",
        description="By e-mail, with a secret that works once. An earlier invitation of the same "
        "address ends. For admins and owners; owners are invited by owners",
        operation_id="create_invitation",
        openapi_extra=operation(
            AccessForbidden, NotFound, AlreadyExists, ValidationFailed, RateLimited, secured=True
        ),
    )
    async def create_invitation(
        request: Request, org: str, new: NewInvitation
    ) -> CreatedInvitation:
        caller = await authenticate(request, scope=API_WRITE)
        made = await invitations.invite(
            caller, org=org, email_address=new.email_address, role=new.role
        )
        record = InvitationRecord.model_validate(made.invitation)
        return CreatedInvitation(
            **record.model_dump(), token=made.token.get_secret_value(), mail_sent=made.mail_sent
        )

    @routes.delete(
        "/org/{org}/invitations/{invitation_id}",
        status_code=204,
        summary="Take back an invitation",
        description="For admins and owners; those of owners for owners",
        operation_id="revoke_invitation",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def revoke_invitation(request: Request, org: str, invitation_id: UUID) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await invitations.revoke(caller, org=org, invitation_id=invitation_id)

    @routes.post(
        "/invitations/accept",
        summary="Accept an invitation",
        description="Makes the caller a member, if the invitation is for the address of their "
        "account. The secret of the mail also proves that address",
        operation_id="accept_invitation",
        openapi_extra=operation(
            AccessForbidden, NotFound, AlreadyExists, ValidationFailed, secured=True
        ),
    )
    async def accept_invitation(request: Request, sent: InvitationToken) -> UserOrganization:
        caller = await authenticate(request, scope=API_WRITE)
        membership = await invitations.accept(caller, token=sent.token)
        return user_organization(membership)

    return routes
