"""Groups, as an identity provider makes, changes and removes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from scim2_models import (
    Group,
    InvalidValueException,
    NotFoundException,
    PatchOp,
    PreconditionFailedException,
    ScimFilter,
    UniquenessException,
)
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.ids import new_id
from vestibule.scim import repository
from vestibule.scim.changes import patching, replacing
from vestibule.scim.models import ProvisionedGroup
from vestibule.scim.resources import LONGEST, MOST, etag, external_id_of, group_resource
from vestibule.scim.standing import settle_members
from vestibule.scim.tenants import Tenant
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database

Found = tuple[int, list[Group]]
Change = Callable[[Group], Group]


class ProvisionedGroups:
    """The groups of one organization at a time. Raises as `ProvisionedUsers` does."""

    def __init__(
        self, *, database: Database, sessions: Sessions, audit: Audit, clock: Clock, base: str
    ) -> None:
        """`base` is the URL of the service."""
        self._database = database
        self._sessions = sessions
        self._audit = audit
        self._clock = clock
        self._base = base

    async def create(self, tenant: Tenant, resource: Group) -> Group:
        """A new group; it gives no role until somebody of the organization says so."""
        attempt = tenant.attempt("scim_group_create")
        now, org_id = utc(self._clock), tenant.organization.id
        group = ProvisionedGroup(
            org_id=org_id,
            id=new_id(),
            display_name=_name(resource),
            external_id=external_id_of(resource),
            role=None,
            version=1,
            created_at=now,
            updated_at=now,
        )

        def write(connection: Connection) -> set[UUID]:
            members = _members(connection, org_id, resource)
            repository.add_group(connection, group)
            repository.set_members(
                connection, org_id=org_id, group_id=group.id, before=set(), after=members
            )
            return members

        async with self._audit.following(attempt):
            try:
                members = await self._audit.succeeded(attempt, status=201, work=write)
            except IntegrityError:
                raise _taken() from None
        return group_resource(group, members, base=self._base)

    async def get(self, tenant: Tenant, group_id: str) -> Group:
        """One of them."""
        return await self._database.read(lambda c: self._resource(c, tenant, _known(group_id)))

    async def search(
        self, tenant: Tenant, *, wanted: ScimFilter[Any] | None, start: int, count: int
    ) -> Found:
        """How many there are, and those of the page; `start` counts from 0."""
        org_id, count = tenant.organization.id, min(count, MOST)

        def look(connection: Connection) -> Found:
            rows = repository.groups_of_organization(connection, org_id)
            if wanted is None:
                page = rows[start : start + count]
                return len(rows), self._resources(connection, org_id, page)
            resources = self._resources(connection, org_id, rows)
            found = [resource for resource in resources if wanted.match(resource)]
            return len(found), found[start : start + count]

        return await self._database.scan(look)

    async def replace(
        self, tenant: Tenant, group_id: str, resource: Group, *, match: str | None
    ) -> Group:
        """Put another one in its place."""
        return await self._change(
            tenant, group_id, "scim_group_replace", replacing(resource), match=match
        )

    async def patch(
        self, tenant: Tenant, group_id: str, operations: PatchOp[Any], *, match: str | None
    ) -> Group:
        """Change some of it."""
        return await self._change(
            tenant, group_id, "scim_group_patch", patching(operations), match=match
        )

    async def remove(self, tenant: Tenant, group_id: str, *, match: str | None) -> None:
        """Remove it; what it gave is taken back."""
        attempt = tenant.attempt("scim_group_delete")
        now, org_id = utc(self._clock), tenant.organization.id

        def write(connection: Connection) -> None:
            group = self._row(connection, tenant, _known(group_id), match=match)
            members = repository.members_of(connection, org_id, [group.id])[group.id]
            repository.remove_group(connection, org_id=org_id, group_id=group.id)
            settle_members(connection, self._sessions, org_id, members, now=now)

        async with self._audit.following(attempt):
            await self._audit.succeeded(attempt, status=204, work=write)

    async def _change(
        self, tenant: Tenant, group_id: str, event: str, change: Change, *, match: str | None
    ) -> Group:
        attempt = tenant.attempt(event)
        now, org_id = utc(self._clock), tenant.organization.id

        def write(connection: Connection) -> Group:
            group = self._row(connection, tenant, _known(group_id), match=match)
            before = repository.members_of(connection, org_id, [group.id])[group.id]
            resource = change(group_resource(group, before, base=self._base))
            after = _members(connection, org_id, resource)
            values = {
                "display_name": _name(resource),
                "external_id": external_id_of(resource),
                "version": group.version + 1,
                "updated_at": now,
            }
            repository.change_group(connection, org_id=org_id, group_id=group.id, values=values)
            repository.set_members(
                connection, org_id=org_id, group_id=group.id, before=before, after=after
            )
            if group.role is not None:
                settle_members(connection, self._sessions, org_id, before ^ after, now=now)
            return self._resource(connection, tenant, group.id)

        async with self._audit.following(attempt):
            try:
                return await self._audit.succeeded(attempt, status=200, work=write)
            except IntegrityError:
                raise _taken() from None

    def _row(
        self, connection: Connection, tenant: Tenant, group_id: UUID, *, match: str | None
    ) -> ProvisionedGroup:
        found = repository.group(connection, org_id=tenant.organization.id, group_id=group_id)
        if found is None:
            raise NotFoundException(detail="There is no such group")
        if match is not None and match not in ("*", etag(found.version)):
            raise PreconditionFailedException(detail="The group has changed meanwhile")
        return found

    def _resource(self, connection: Connection, tenant: Tenant, group_id: UUID) -> Group:
        group = self._row(connection, tenant, group_id, match=None)
        return self._resources(connection, tenant.organization.id, [group])[0]

    def _resources(
        self, connection: Connection, org_id: UUID, rows: list[ProvisionedGroup]
    ) -> list[Group]:
        members = repository.members_of(connection, org_id, [row.id for row in rows])
        return [group_resource(row, members[row.id], base=self._base) for row in rows]


def _members(connection: Connection, org_id: UUID, resource: Group) -> set[UUID]:
    """Who is to belong to it. Raises `InvalidValueException` for whom the provider has not made."""
    try:
        wanted = {UUID(str(member.value)) for member in resource.members or () if member.value}
    except ValueError:
        raise InvalidValueException(detail="members: there is no such user") from None
    if wanted - repository.known_users(connection, org_id, sorted(wanted)):
        raise InvalidValueException(detail="members: there is no such user")
    return wanted


def _name(resource: Group) -> str:
    name = resource.display_name or ""
    if not name.strip() or len(name) > LONGEST or not name.isprintable():
        raise InvalidValueException(detail="displayName: 1 to 255 printable characters")
    return name


def _known(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundException(detail="There is no such group") from None


def _taken() -> UniquenessException:
    return UniquenessException(detail="There is a group of this displayName")
