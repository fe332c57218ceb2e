"""What callers do with the projects of a workspace."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.access.caller import Caller
from vestibule.clock import Clock, utc
from vestibule.errors import AlreadyExists, Conflict, NotFound
from vestibule.orgs import workspace_repository as repository
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.checks import checked_key, checked_name
from vestibule.orgs.founding import new_project
from vestibule.orgs.models import Project
from vestibule.orgs.policy import Action, Standing
from vestibule.orgs.workspaces import reached


class Projects:
    """The parts of a workspace, for those who may."""

    def __init__(self, *, authorization: Authorization, clock: Clock) -> None:
        self._authorization = authorization
        self._clock = clock

    async def list(
        self, caller: Caller, *, org: str, workspace: str, after: str, limit: int
    ) -> list[Project]:
        """A page by key. Raises `NotFound` for the workspace."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.PROJECT_LIST,
            work=lambda connection, standing: repository.list_projects(
                connection,
                workspace=reached(connection, caller, standing, workspace),
                after=after,
                limit=limit,
            ),
        )

    async def create(
        self, caller: Caller, *, org: str, workspace: str, key: str, name: str
    ) -> Project:
        """A new project. Raises `NotFound`, `ValidationFailed`, `AlreadyExists`."""

        def work(connection: Connection, standing: Standing) -> Project:
            project = new_project(
                reached(connection, caller, standing, workspace),
                key=checked_key(key),
                name=checked_name(name),
                now=utc(self._clock),
            )
            try:
                repository.add_project(connection, project)
            except IntegrityError:
                raise AlreadyExists("This key is taken") from None
            return project

        return await self._authorization.write(
            caller, org=org, action=Action.PROJECT_CREATE, status=201, work=work
        )

    async def get(self, caller: Caller, *, org: str, workspace: str, project: str) -> Project:
        """The project of this key or id. Raises `NotFound`."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.PROJECT_READ,
            work=lambda connection, standing: _inside(
                connection, caller, standing, workspace, project
            ),
        )

    async def delete(self, caller: Caller, *, org: str, workspace: str, project: str) -> None:
        """Delete one. Raises `NotFound`, and `Conflict` for the default one."""

        def work(connection: Connection, standing: Standing) -> None:
            found = _inside(connection, caller, standing, workspace, project)
            if found.is_default:
                raise Conflict("The default project stays", cause="default_project")
            repository.delete_project(
                connection,
                workspace=reached(connection, caller, standing, workspace),
                project_id=found.id,
            )

        await self._authorization.write(
            caller, org=org, action=Action.PROJECT_DELETE, status=204, work=work
        )


def _inside(
    connection: Connection, caller: Caller, standing: Standing, workspace: str, project: str
) -> Project:
    found = repository.project_named(
        connection, workspace=reached(connection, caller, standing, workspace), name=project
    )
    if found is None:
        raise NotFound("Project not found", cause="project_unknown")
    return found
