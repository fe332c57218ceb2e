"""What callers do with the workspaces of an organization."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.access.caller import Caller
from vestibule.clock import Clock, utc
from vestibule.errors import AlreadyExists, Conflict, NotFound
from vestibule.orgs import workspace_repository as repository
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.checks import checked_key, checked_name
from vestibule.orgs.founding import new_workspace, open_workspace
from vestibule.orgs.models import Workspace
from vestibule.orgs.policy import Action, Standing, in_reach


class Workspaces:
    """The parts of an organization, for those who may."""

    def __init__(self, *, authorization: Authorization, clock: Clock) -> None:
        self._authorization = authorization
        self._clock = clock

    async def list(self, caller: Caller, *, org: str, after: str, limit: int) -> list[Workspace]:
        """A page by key, of those that the credential opens."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.WORKSPACE_LIST,
            work=lambda connection, standing: repository.list_workspaces(
                connection,
                org_id=standing.organization.id,
                only=caller.workspace_id,
                after=after,
                limit=limit,
            ),
        )

    async def create(self, caller: Caller, *, org: str, key: str, name: str) -> Workspace:
        """A new workspace with its default project. Raises `ValidationFailed`, `AlreadyExists`."""

        def work(connection: Connection, standing: Standing) -> Workspace:
            workspace = new_workspace(
                org_id=standing.organization.id,
                key=checked_key(key),
                name=checked_name(name),
                now=utc(self._clock),
            )
            try:
                open_workspace(connection, workspace)
            except IntegrityError:
                raise AlreadyExists("This key is taken") from None
            return workspace

        return await self._authorization.write(
            caller, org=org, action=Action.WORKSPACE_CREATE, status=201, work=work
        )

    async def get(self, caller: Caller, *, org: str, workspace: str) -> Workspace:
        """The workspace of this key or id. Raises `NotFound`."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.WORKSPACE_READ,
            work=lambda connection, standing: reached(connection, caller, standing, workspace),
        )

    async def rename(
        self, caller: Caller, *, org: str, workspace: str, name: str | None
    ) -> Workspace:
        """Give it another display name, if given. Raises `NotFound`, `ValidationFailed`."""

        def work(connection: Connection, standing: Standing) -> Workspace:
            found = reached(connection, caller, standing, workspace)
            if name is None:
                return found
            changed = replace(found, name=checked_name(name), updated_at=utc(self._clock))
            repository.rename_workspace(
                connection,
                org_id=found.org_id,
                workspace_id=found.id,
                name=changed.name,
                now=changed.updated_at,
            )
            return changed

        return await self._authorization.write(
            caller, org=org, action=Action.WORKSPACE_UPDATE, status=200, work=work
        )

    async def delete(self, caller: Caller, *, org: str, workspace: str) -> None:
        """Delete an empty one. Raises `NotFound`; `Conflict` for the default, or with projects."""

        def work(connection: Connection, standing: Standing) -> None:
            found = reached(connection, caller, standing, workspace)
            if found.is_default:
                raise Conflict("The default workspace stays", cause="default_workspace")
            if repository.has_own_projects(connection, org_id=found.org_id, workspace_id=found.id):
                raise Conflict("This workspace has projects", cause="workspace_in_use")
            repository.delete_workspace(connection, org_id=found.org_id, workspace_id=found.id)

        await self._authorization.write(
            caller, org=org, action=Action.WORKSPACE_DELETE, status=204, work=work
        )


def reached(connection: Connection, caller: Caller, standing: Standing, name: str) -> Workspace:
    """The workspace of this key or id, if the credential opens it. Raises `NotFound`."""
    workspace = repository.workspace_named(connection, org_id=standing.organization.id, name=name)
    if workspace is None or not in_reach(caller, workspace.id):
        raise NotFound("Workspace not found", cause="workspace_unknown")
    return workspace
