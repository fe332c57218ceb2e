"""`/api/v1/org`: organizations. HTTP in and out, no decisions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    Conflict,
    NotFound,
    ValidationFailed,
)
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.orgs.administration import Administration
from vestibule.orgs.schemas import (
    NewOrganization,
    OrganizationChange,
    OrganizationRecord,
    OwnershipTransfer,
)


def router(*, administration: Administration, authenticate: Authenticate) -> APIRouter:
    """The routes of organizations themselves."""
    routes = APIRouter(prefix="/api/v1/org", tags=["Organizations"], route_class=StrictRoute)

    @routes.post(
        "",
        status_code=201,
        summary="Create an organization",
        description="The caller becomes its owner; a default workspace and project come with it. "
        "For administrators of the service, or for everybody where it is set so",
        operation_id="create_organization",
        openapi_extra=operation(AccessForbidden, AlreadyExists, ValidationFailed, secured=True),
    )
    async def create_organization(request: Request, new: NewOrganization) -> OrganizationRecord:
        caller = await authenticate(request, scope=API_WRITE)
        made = await administration.create(
            caller, key=new.key, name=new.name, description=new.description
        )
        return OrganizationRecord.model_validate(made)

    @routes.get(
        "/{org}",
        summary="An organization",
        description="For its members",
        operation_id="get_organization",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def get_organization(request: Request, org: str) -> OrganizationRecord:
        caller = await authenticate(request, scope=API_READ)
        return OrganizationRecord.model_validate(await administration.get(caller, org=org))

    @routes.patch(
        "/{org}",
        summary="Change an organization",
        description="Its name or description. For its admins and owners",
        operation_id="update_organization",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def update_organization(
        request: Request, org: str, change: OrganizationChange
    ) -> OrganizationRecord:
        caller = await authenticate(request, scope=API_WRITE)
        changed = await administration.update(
            caller, org=org, name=change.name, description=change.description
        )
        return OrganizationRecord.model_validate(changed)

    @routes.post(
        "/{org}/suspend",
        status_code=204,
        summary="Suspend an organization",
        description="Nobody can enter it from now on. For administrators of the service",
        operation_id="suspend_organization",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def suspend_organization(request: Request, org: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.suspend(caller, org=org)

    @routes.post(
        "/{org}/resume",
        status_code=204,
        summary="Resume an organization",
        description="Ends a suspension. For administrators of the service",
        operation_id="resume_organization",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def resume_organization(request: Request, org: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.resume(caller, org=org)

    @routes.post(
        "/{org}/transfer",
        status_code=204,
        summary="Transfer an organization",
        description="A member becomes the owner, and the caller an admin. For its owners",
        operation_id="transfer_organization",
        openapi_extra=operation(
            AccessForbidden, NotFound, Conflict, ValidationFailed, secured=True
        ),
    )
    async def transfer_organization(
        request: Request, org: str, transfer: OwnershipTransfer
    ) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.transfer(caller, org=org, user_id=transfer.user_id)

    return routes
