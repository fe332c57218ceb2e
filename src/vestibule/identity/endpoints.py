"""`/api/v1/directories`: upstream directories, for administrators of the service."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    BadGateway,
    Conflict,
    GatewayTimeout,
    NotFound,
    ValidationFailed,
)
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.identity.administration import DirectoryAdministration
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.schemas import (
    DirectoryCheck,
    DirectoryRecord,
    IdentityRecord,
    NewIdentity,
    SyncReport,
    SyncRequest,
)
from vestibule.identity.upstream import Upstream


def router(*, administration: DirectoryAdministration, authenticate: Authenticate) -> APIRouter:
    """The routes of directories."""
    routes = APIRouter(prefix="/api/v1", tags=["Directories"], route_class=StrictRoute)

    @routes.get(
        "/directories",
        summary="Upstream directories",
        description="All of them by key. For administrators of the service",
        operation_id="list_directories",
        openapi_extra=operation(AccessForbidden, secured=True),
    )
    async def list_directories(request: Request) -> list[DirectoryRecord]:
        caller = await authenticate(request, scope=API_READ)
        return [_record(upstream) for upstream in await administration.directories(caller)]

    @routes.post(
        "/directories",
        status_code=201,
        summary="Add an upstream directory",
        description="It is asked from now on, by other instances within seconds. For "
        "administrators of the service",
        operation_id="create_directory",
        openapi_extra=operation(
            AccessForbidden, AlreadyExists, Conflict, ValidationFailed, secured=True
        ),
    )
    async def create_directory(
        request: Request, directory: DirectoryConfiguration
    ) -> DirectoryRecord:
        caller = await authenticate(request, scope=API_WRITE)
        return _record(await administration.create(caller, directory))

    @routes.get(
        "/directories/{directory}",
        summary="Upstream directory",
        description="For administrators of the service",
        operation_id="get_directory",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def get_directory(request: Request, directory: str) -> DirectoryRecord:
        caller = await authenticate(request, scope=API_READ)
        return _record(await administration.get(caller, directory))

    @routes.put(
        "/directories/{directory}",
        summary="Change an upstream directory",
        description="Replaces its configuration. Secrets that are not given stay, as long as it is "
        "the same server. For administrators of the service",
        operation_id="replace_directory",
        openapi_extra=operation(
            AccessForbidden, NotFound, Conflict, ValidationFailed, secured=True
        ),
    )
    async def replace_directory(
        request: Request, directory: str, configuration: DirectoryConfiguration
    ) -> DirectoryRecord:
        caller = await authenticate(request, scope=API_WRITE)
        return _record(await administration.change(caller, directory, configuration))

    @routes.delete(
        "/directories/{directory}",
        status_code=204,
        summary="Remove an upstream directory",
        description="Whom only it knew can't sign in any more. For administrators of the service",
        operation_id="delete_directory",
        openapi_extra=operation(AccessForbidden, NotFound, Conflict, secured=True),
    )
    async def delete_directory(request: Request, directory: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.remove(caller, directory)

    @routes.put(
        "/directories/{directory}/organizations/{org}",
        status_code=204,
        summary="Demand an upstream directory",
        description="Only who signed in through the directory may enter the organization from now "
        "on. For administrators of the service",
        operation_id="demand_directory",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def demand_directory(request: Request, directory: str, org: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.demand(caller, directory, org=org)

    @routes.delete(
        "/directories/{directory}/organizations/{org}",
        status_code=204,
        summary="Demand no upstream directory",
        description="Any way to sign in will do again. For administrators of the service",
        operation_id="undemand_directory",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def undemand_directory(request: Request, directory: str, org: str) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.release(caller, directory, org=org)

    @routes.post(
        "/directories/{directory}/check",
        summary="Try an upstream directory",
        description="Whether it can be reached and takes our own credentials, whatever the breaker "
        "says. For administrators of the service",
        operation_id="check_directory",
        openapi_extra=operation(
            AccessForbidden, NotFound, BadGateway, GatewayTimeout, secured=True
        ),
    )
    async def check_directory(request: Request, directory: str) -> DirectoryCheck:
        caller = await authenticate(request, scope=API_WRITE)
        seconds = await administration.check(caller, directory)
        return DirectoryCheck(milliseconds=round(1000 * seconds, 1))

    @routes.post(
        "/directories/{directory}/sync",
        summary="Synchronize with an upstream directory",
        description="Looks everybody up again whom it knew, and disables whom it no longer has. "
        "For administrators of the service",
        operation_id="sync_directory",
        openapi_extra=operation(
            AccessForbidden, NotFound, Conflict, ValidationFailed, secured=True
        ),
    )
    async def sync_directory(request: Request, directory: str, sync: SyncRequest) -> SyncReport:
        caller = await authenticate(request, scope=API_WRITE)
        done = await administration.synchronize(caller, directory, force=sync.force)
        return SyncReport.model_validate(done)

    @routes.post(
        "/directories/{directory}/identities",
        status_code=204,
        summary="Link an account to a person of a directory",
        description="From now on the directory answers for it, and its local password is gone. For "
        "administrators of the service",
        operation_id="link_identity",
        openapi_extra=operation(
            AccessForbidden, NotFound, AlreadyExists, ValidationFailed, secured=True
        ),
    )
    async def link_identity(request: Request, directory: str, identity: NewIdentity) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.link(
            caller, directory, user_id=identity.user_id, subject=identity.subject
        )

    @routes.delete(
        "/directories/{directory}/identities/{user_id}",
        status_code=204,
        summary="Unlink an account from a directory",
        description="Its sessions end, and what the directory's groups gave is taken back. For "
        "administrators of the service",
        operation_id="unlink_identity",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def unlink_identity(request: Request, directory: str, user_id: UUID) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.unlink(caller, directory, user_id)

    @routes.get(
        "/user/identities",
        summary="Own links to directories",
        description="The directories that the caller's account is linked to",
        operation_id="list_identities",
        openapi_extra=operation(AccessForbidden, secured=True),
    )
    async def list_identities(request: Request) -> list[IdentityRecord]:
        caller = await authenticate(request, scope=API_READ)
        caller.require_whole()
        found = await administration.identities_of(caller, caller.user_id)
        return [IdentityRecord.model_validate(identity) for identity in found]

    def _record(upstream: Upstream) -> DirectoryRecord:
        configuration = upstream.configuration
        return DirectoryRecord(
            key=configuration.key,
            name=configuration.name,
            configuration=configuration.plain(),
            secrets=sorted(configuration.secrets()),
            source="settings" if administration.is_of_settings(configuration.key) else "routes",
            breaker=upstream.breaker.state,
            failures=upstream.breaker.failures,
        )

    return routes
