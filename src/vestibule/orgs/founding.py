"""What comes with an organization and with a workspace: a first one of what is inside."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from vestibule.ids import new_id
from vestibule.orgs import repository, workspace_repository
from vestibule.orgs.models import Organization, Project, Role, Workspace

DEFAULT_KEY = "default"
DEFAULT_NAME = "Default"


def found(connection: Connection, organization: Organization, *, owner: UUID | None = None) -> None:
    """Write a new organization, its default workspace and project, and its owner where named.

    `IntegrityError` where the key is taken.
    """
    repository.add(connection, organization)
    now = organization.created_at
    workspace = new_workspace(
        org_id=organization.id, key=DEFAULT_KEY, name=DEFAULT_NAME, now=now, is_default=True
    )
    open_workspace(connection, workspace)
    if owner is not None:
        repository.add_member(
            connection, org_id=organization.id, user_id=owner, role=Role.OWNER, joined_at=now
        )


def open_workspace(connection: Connection, workspace: Workspace) -> None:
    """Write a new workspace and its default project; `IntegrityError` where the key is taken."""
    workspace_repository.add_workspace(connection, workspace)
    project = new_project(
        workspace, key=DEFAULT_KEY, name=DEFAULT_NAME, now=workspace.created_at, is_default=True
    )
    workspace_repository.add_project(connection, project)


def new_workspace(
    *, org_id: UUID, key: str, name: str, now: datetime, is_default: bool = False
) -> Workspace:
    """A workspace, not yet written."""
    return Workspace(
        id=new_id(),
        org_id=org_id,
        key=key,
        name=name,
        is_default=is_default,
        created_at=now,
        updated_at=now,
    )


def new_project(
    workspace: Workspace, *, key: str, name: str, now: datetime, is_default: bool = False
) -> Project:
    """A project of this workspace, not yet written."""
    return Project(
        id=new_id(),
        org_id=workspace.org_id,
        workspace_id=workspace.id,
        key=key,
        name=name,
        is_default=is_default,
        created_at=now,
        updated_at=now,
    )
