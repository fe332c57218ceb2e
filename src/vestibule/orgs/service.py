"""Decisions about organizations: which may be entered, and how they come to be."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, AlreadyExists, NotFound
from vestibule.ids import new_id
from vestibule.orgs import membership as rules, repository
from vestibule.orgs.checks import checked_description, checked_key, checked_name
from vestibule.orgs.founding import found, new_workspace, open_workspace
from vestibule.orgs.models import Membership, Organization, Role, Workspace
from vestibule.orgs.workspace_repository import list_workspaces
from vestibule.storage.database import Database


class Organizations:
    """Organizations and their members, for the program itself and whoever runs it.

    What callers may do of it is asked of `orgs.administration`.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def memberships_of(self, user_id: UUID) -> list[Membership]:
        """All memberships of a user, by the organizations' names, suspended ones included."""
        return await self._database.look_up(repository.MEMBERSHIPS_OF, user_id)

    async def find(self, key: str) -> Organization | None:
        """The organization of this key, or None."""
        return await self._database.read(lambda c: repository.by_key(c, key))

    async def get(self, key: str) -> Organization:
        """The organization of this key. Raises `NotFound`."""
        organization = await self._database.read(lambda c: repository.by_key(c, key))
        if organization is None:
            raise NotFound(f"There is no organization {key!r}")
        return organization

    async def list(
        self, *, start: str = "", after: str = "", limit: int = 1000
    ) -> list[Organization]:
        """A page of organizations by key, those behind `after` whose keys start so."""
        return await self._database.scan(
            lambda c: repository.list_organizations(c, start=start, after=after, limit=limit)
        )

    async def create(self, *, key: str, name: str, description: str = "") -> Organization:
        """A new, active organization with its default workspace and project.

        Raises `ValidationFailed`, `AlreadyExists`.
        """
        organization = self.new(key=key, name=name, description=description)
        try:
            await self._database.write(lambda c: found(c, organization))
        except IntegrityError:
            raise AlreadyExists(f"There is an organization {key!r} already") from None
        return organization

    def new(self, *, key: str, name: str, description: str = "") -> Organization:
        """An organization as it would be created, not yet written. Raises `ValidationFailed`."""
        now = utc(self._clock)
        return Organization(
            id=new_id(),
            key=checked_key(key),
            name=checked_name(name),
            description=checked_description(description),
            is_active=True,
            password_sign_in=True,
            created_at=now,
            updated_at=now,
        )

    async def update(self, key: str, **changes: Any) -> Organization:
        """Change `name`, `description`, `is_active`, `password_sign_in` or `directory`.

        What is None stays; the directory "" is none. Raises `NotFound`.
        """
        organization = await self.get(key)
        values = {name: value for name, value in changes.items() if value is not None}
        if "directory" in values:
            values["directory"] = values["directory"] or None
        if "name" in values:
            values["name"] = checked_name(values["name"])
        if values:
            values["updated_at"] = utc(self._clock)
            await self._database.write(lambda c: repository.change(c, organization.id, values))
        return await self.get(key)

    async def add_member(self, *, key: str, user_id: UUID, role: Role) -> Organization:
        """Let a user in. Raises `NotFound` for the organization, `AlreadyExists` for a member."""
        organization = await self.get(key)
        now = utc(self._clock)
        try:
            await self._database.write(
                lambda c: repository.add_member(
                    c, org_id=organization.id, user_id=user_id, role=role, joined_at=now
                )
            )
        except IntegrityError:
            raise AlreadyExists(f"This user is a member of {key!r} already") from None
        return organization

    async def remove_member(self, *, key: str, user_id: UUID) -> Organization:
        """Put a user out. Raises `NotFound`, and `Conflict` for the last owner."""
        organization = await self.get(key)
        await self._database.write(
            lambda c: rules.remove(c, org_id=organization.id, user_id=user_id)
        )
        return organization

    async def transfer(self, *, key: str, user_id: UUID) -> Organization:
        """Make a member the only owner, the former ones admins. Raises `NotFound`."""
        organization = await self.get(key)
        await self._database.write(
            lambda c: rules.transfer(c, org_id=organization.id, heir=user_id, former=None)
        )
        return organization

    async def workspaces(
        self, key: str, *, after: str = "", limit: int = 1000
    ) -> builtins.list[Workspace]:
        """A page of an organization's workspaces by key. Raises `NotFound`."""
        organization = await self.get(key)
        return await self._database.read(
            lambda c: list_workspaces(
                c, org_id=organization.id, only=None, after=after, limit=limit
            )
        )

    async def create_workspace(self, key: str, *, workspace_key: str, name: str) -> Workspace:
        """A new workspace with its default project.

        Raises `ValidationFailed`, `NotFound` for the organization, `AlreadyExists`.
        """
        organization = await self.get(key)
        workspace = new_workspace(
            org_id=organization.id,
            key=checked_key(workspace_key),
            name=checked_name(name),
            now=utc(self._clock),
        )
        try:
            await self._database.write(lambda c: open_workspace(c, workspace))
        except IntegrityError:
            raise AlreadyExists(f"There is a workspace {workspace_key!r} already") from None
        return workspace


def active_membership(memberships: Sequence[Membership], org_id: UUID | None) -> Membership | None:
    """The one of this organization, unless that is suspended."""
    active = (m for m in memberships if m.organization.is_active)
    return next((m for m in active if m.organization.id == org_id), None)


def takes(organization: Organization, directory: str | None) -> bool:
    """Whether it lets in somebody who signed in so: through this directory, or by our password."""
    if organization.directory is not None:
        return organization.directory == directory
    return organization.password_sign_in or directory is not None


def enterable(memberships: Sequence[Membership], *, directory: str | None) -> list[Membership]:
    """Those that somebody may enter now who signed in so."""
    return [m for m in memberships if m.organization.is_active and takes(m.organization, directory)]


def default_membership(
    memberships: Sequence[Membership], *, chosen: UUID | None
) -> Membership | None:
    """The user's own choice, else the one joined first, else none."""
    for membership in memberships:
        if membership.organization.id == chosen:
            return membership
    return min(memberships, key=lambda m: (m.joined_at, m.organization.id), default=None)


def entered(memberships: Sequence[Membership], *, key: str, directory: str | None) -> Membership:
    """The membership that `scope=org:KEY` asks for, for somebody who signed in so.

    Raises `NotFound` alike for an organization that does not exist and for one that the user
    is no member of; `AccessForbidden` where it is suspended or demands another way to sign in.
    """
    for membership in memberships:
        if membership.organization.key != key:
            continue
        if not membership.organization.is_active:
            raise AccessForbidden("This organization is suspended", cause="org_suspended")
        if not takes(membership.organization, directory):
            raise AccessForbidden(
                "This organization demands another way to sign in", cause="org_sign_in"
            )
        return membership
    raise NotFound("Organization not found", cause="org_unknown")
