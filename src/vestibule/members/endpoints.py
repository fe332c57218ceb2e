"""`/api/v1/org/{org}/members`: who belongs to an organization. No decisions."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import AccessForbidden, Conflict, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.members.schemas import MemberRecord, RoleChange
from vestibule.members.service import Members
from vestibule.orgs.paging import AfterId, Limit


def router(*, members: Members, authenticate: Authenticate) -> APIRouter:
    """The routes of members."""
    routes = APIRouter(
        prefix="/api/v1/org/{org}/members", tags=["Members"], route_class=StrictRoute
    )

    @routes.get(
        "",
        summary="Members",
        description="The members of an organization by user id. For its members",
        operation_id="list_members",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def list_members(
        request: Request, org: str, after: AfterId = None, limit: Limit = 100
    ) -> list[MemberRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await members.list(caller, org=org, after=after, limit=limit)
        return [MemberRecord.model_validate(member) for member in found]

    @routes.patch(
        "/{user_id}",
        summary="Change a member's role",
        description="For admins and owners; making and unmaking owners is for owners. The last "
        "owner stays one",
        operation_id="update_member",
        openapi_extra=operation(
            AccessForbidden, NotFound, Conflict, ValidationFailed, secured=True
        ),
    )
    async def update_member(
        request: Request, org: str, user_id: UUID, change: RoleChange
    ) -> MemberRecord:
        caller = await authenticate(request, scope=API_WRITE)
        changed = await members.change_role(caller, org=org, user_id=user_id, role=change.role)
        return MemberRecord.model_validate(changed)

    @routes.delete(
        "/{user_id}",
        status_code=204,
        summary="Remove a member",
        description="Oneself, to leave; others for admins and owners, owners for owners. The last "
        "owner stays",
        operation_id="remove_member",
        openapi_extra=operation(
            AccessForbidden, NotFound, Conflict, ValidationFailed, secured=True
        ),
    )
    async def remove_member(request: Request, org: str, user_id: UUID) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await members.remove(caller, org=org, user_id=user_id)

    return routes
