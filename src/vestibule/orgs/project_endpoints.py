"""`/api/v1/org/{org}/ws/{workspace}/projects`: projects. HTTP in and out, no decisions."""

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
from vestibule.orgs.projects import Projects
from vestibule.orgs.schemas import NewProject, ProjectRecord


def router(*, projects: Projects, authenticate: Authenticate) -> APIRouter:
    """The routes of projects. Each is named by its key or its id, as its workspace is."""
    routes = APIRouter(
        prefix="/api/v1/org/{org}/ws/{workspace}/projects",
        tags=["Projects"],
        route_class=StrictRoute,
    )

    @routes.get(
        "",
        summary="Projects",
        description="The projects of a workspace by key. For the organization's members",
        operation_id="list_projects",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def list_projects(
        request: Request, org: str, workspace: str, after: AfterKey = "", limit: Limit = 1000
    ) -> list[ProjectRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await projects.list(caller, org=org, workspace=workspace, after=after, limit=limit)
        return [ProjectRecord.model_validate(project) for project in found]

    @routes.post(
        "",
        status_code=201,
        summary="Create a project",
        description="For the organization's admins and owners",
        operation_id="create_project",
        openapi_extra=operation(
            AccessForbidden, NotFound, AlreadyExists, ValidationFailed, secured=True
        ),
    )
    async def create_project(
        request: Request, org: str, workspace: str, new: NewProject
    ) -> ProjectRecord:
        caller = await authenticate(request, scope=API_WRITE)
        made = await projects.create(
            caller, org=org, workspace=workspace, key=new.key, name=new.name
        )
        return ProjectRecord.model_validate(made)

    @routes.get(
        "/{project}",
        summary="A project",
        description="By its key or id. For the organization's members",
        operation_id="get_project",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def get_project(
        request: Request, org: str, workspace: str, project: str
    ) -> ProjectRecord:
        caller = await authenticate(request, scope=API_READ)
        found = await projects.get(caller, org=org, workspace=workspace, project=project)
        return ProjectRecord.model_validate(found)

    @routes.delete(
        "/{project}",
        status_code=204,
        summary="Delete a project",
        description="Any but the default one. For the organization's admins and owners",
        operation_id="delete_project",
        openapi_extra=operation(AccessForbidden, NotFound, Conflict, secured=True),
    )
    async def delete_project(request: Request, org: str, workspace: str, project: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await projects.delete(caller, org=org, workspace=workspace, project=project)

    return routes
