"""`/api/v1/org/{org}/ws`: workspaces. HTTP in and out, no decisions."""

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
from vestibule.orgs.paging import AfterKey, Limit
from vestibule.orgs.schemas import NewWorkspace, WorkspaceChange, WorkspaceRecord
from vestibule.orgs.workspaces import Workspaces


def router(*, workspaces: Workspaces, authenticate: Authenticate) -> APIRouter:
    """The routes of workspaces. Each is named by its key or its id."""
    routes = APIRouter(prefix="/api/v1/org/{org}/ws", tags=["Workspaces"], route_class=StrictRoute)

    @routes.get(
        "",
        summary="Workspaces",
        description="The workspaces of an organization by key. For its members",
        operation_id="list_workspaces",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def list_workspaces(
        request: Request, org: str, after: AfterKey = "", limit: Limit = 1000
    ) -> list[WorkspaceRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await workspaces.list(caller, org=org, after=after, limit=limit)
        return [WorkspaceRecord.model_validate(workspace) for workspace in found]

    @routes.post(
        "",
        status_code=201,
        summary="Create a workspace",
        description="A default project comes with it. For the organization's admins and owners",
        operation_id="create_workspace",
        openapi_extra=operation(
            AccessForbidden, NotFound, AlreadyExists, ValidationFailed, secured=True
        ),
    )
    async def create_workspace(request: Request, org: str, new: NewWorkspace) -> WorkspaceRecord:
        caller = await authenticate(request, scope=API_WRITE)
        made = await workspaces.create(caller, org=org, key=new.key, name=new.name)
        return WorkspaceRecord.model_validate(made)

    @routes.get(
        "/{workspace}",
        summary="A workspace",
        description="By its key or id. For the organization's members",
        operation_id="get_workspace",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def get_workspace(request: Request, org: str, workspace: str) -> WorkspaceRecord:
        caller = await authenticate(request, scope=API_READ)
        found = await workspaces.get(caller, org=org, workspace=workspace)
        return WorkspaceRecord.model_validate(found)

    @routes.patch(
        "/{workspace}",
        summary="Change a workspace",
        description="Its name. For the organization's admins and owners",
        operation_id="update_workspace",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def update_workspace(
        request: Request, org: str, workspace: str, change: WorkspaceChange
    ) -> WorkspaceRecord:
        caller = await authenticate(request, scope=API_WRITE)
        changed = await workspaces.rename(caller, org=org, workspace=workspace, name=change.name)
        return WorkspaceRecord.model_validate(changed)

    @routes.delete(
        "/{workspace}",
        status_code=204,
        summary="Delete a workspace",
        description="One without other projects than its default one, and not the default "
        "workspace. For the organization's admins and owners",
        operation_id="delete_workspace",
        openapi_extra=operation(AccessForbidden, NotFound, Conflict, secured=True),
    )
    async def delete_workspace(request: Request, org: str, workspace: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await workspaces.delete(caller, org=org, workspace=workspace)

    return routes
