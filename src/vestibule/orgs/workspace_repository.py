"""Which rows: workspaces and projects. Every query names the organization."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from vestibule.orgs.checks import as_id
from vestibule.orgs.models import Project, Workspace, projects, workspaces


def add_workspace(connection: Connection, workspace: Workspace) -> None:
    """Insert; `IntegrityError` where the key is taken in this organization."""
    values = {name: getattr(workspace, name) for name in Workspace.__slots__}
    connection.execute(insert(workspaces), values)


def workspace_named(connection: Connection, *, org_id: UUID, name: str) -> Workspace | None:
    """The workspace of this key or id in this organization."""
    row = connection.execute(
        select(workspaces).where(workspaces.c.org_id == org_id, _is_named(workspaces, name))
    ).one_or_none()
    return Workspace(*row) if row else None


def list_workspaces(
    connection: Connection, *, org_id: UUID, only: UUID | None, after: str, limit: int
) -> list[Workspace]:
    """A page of an organization's workspaces by key; with `only`, no other than that one."""
    statement = (
        select(workspaces)
        .where(workspaces.c.org_id == org_id, workspaces.c.key > after)
        .order_by(workspaces.c.key)
        .limit(limit)
    )
    if only is not None:
        statement = statement.where(workspaces.c.id == only)
    return [Workspace(*row) for row in connection.execute(statement)]


def rename_workspace(
    connection: Connection, *, org_id: UUID, workspace_id: UUID, name: str, now: datetime
) -> None:
    """Set the name."""
    connection.execute(
        update(workspaces)
        .where(workspaces.c.org_id == org_id, workspaces.c.id == workspace_id)
        .values(name=name, updated_at=now)
    )


def delete_workspace(connection: Connection, *, org_id: UUID, workspace_id: UUID) -> None:
    """Delete a workspace and its projects."""
    connection.execute(
        delete(projects).where(projects.c.org_id == org_id, projects.c.workspace_id == workspace_id)
    )
    connection.execute(
        delete(workspaces).where(workspaces.c.org_id == org_id, workspaces.c.id == workspace_id)
    )


def has_own_projects(connection: Connection, *, org_id: UUID, workspace_id: UUID) -> bool:
    """Whether there is another project than the one that came with the workspace."""
    statement = (
        select(projects.c.id)
        .where(
            projects.c.org_id == org_id,
            projects.c.workspace_id == workspace_id,
            projects.c.is_default.is_(False),
        )
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def add_project(connection: Connection, project: Project) -> None:
    """Insert; `IntegrityError` where the key is taken in this workspace."""
    values = {name: getattr(project, name) for name in Project.__slots__}
    connection.execute(insert(projects), values)


def project_named(connection: Connection, *, workspace: Workspace, name: str) -> Project | None:
    """The project of this key or id in this workspace."""
    row = connection.execute(
        select(projects).where(*_inside(workspace), _is_named(projects, name))
    ).one_or_none()
    return Project(*row) if row else None


def list_projects(
    connection: Connection, *, workspace: Workspace, after: str, limit: int
) -> list[Project]:
    """A page of a workspace's projects by key."""
    statement = (
        select(projects)
        .where(*_inside(workspace), projects.c.key > after)
        .order_by(projects.c.key)
        .limit(limit)
    )
    return [Project(*row) for row in connection.execute(statement)]


def delete_project(connection: Connection, *, workspace: Workspace, project_id: UUID) -> None:
    """Delete one."""
    connection.execute(delete(projects).where(*_inside(workspace), projects.c.id == project_id))


def _inside(workspace: Workspace) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return projects.c.org_id == workspace.org_id, projects.c.workspace_id == workspace.id


def _is_named(table: Table, name: str) -> ColumnElement[bool]:
    id_ = as_id(name)
    return table.c.key == name if id_ is None else table.c.id == id_
