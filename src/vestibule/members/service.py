"""What callers do with the members of an organization."""

from __future__ import annotations

import builtins
from uuid import UUID

from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.members import repository
from vestibule.members.repository import Member
from vestibule.orgs import membership
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.models import Role
from vestibule.orgs.policy import Action, Standing, removing, require, updating


class Members:
    """Who belongs to an organization, for those who may know or change it."""

    def __init__(self, *, authorization: Authorization) -> None:
        self._authorization = authorization

    async def list(
        self, caller: Caller, *, org: str, after: UUID | None, limit: int
    ) -> list[Member]:
        """A page by user id."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.MEMBER_LIST,
            work=lambda connection, standing: repository.list_members(
                connection, org_id=standing.organization.id, after=after, limit=limit
            ),
        )

    async def of(
        self, org_id: UUID, *, after: UUID | None = None, limit: int = 1000
    ) -> builtins.list[Member]:
        """The same for whoever runs the service, whom nobody asks for a role."""
        return await self._authorization.look(
            lambda c: repository.list_members(c, org_id=org_id, after=after, limit=limit)
        )

    async def change_role(self, caller: Caller, *, org: str, user_id: UUID, role: Role) -> Member:
        """Give a member this role. Raises `NotFound`, and `Conflict` for the last owner."""

        def work(connection: Connection, standing: Standing) -> Member:
            org_id = standing.organization.id
            former = membership.role_of(connection, org_id=org_id, user_id=user_id)
            require(caller, standing, updating(former, role))
            membership.change_role(connection, org_id=org_id, user_id=user_id, role=role)
            (member,) = repository.list_members(connection, org_id=org_id, only=user_id)
            return member

        return await self._authorization.write(
            caller, org=org, action=Action.MEMBER_UPDATE, status=200, work=work
        )

    async def remove(self, caller: Caller, *, org: str, user_id: UUID) -> None:
        """End a membership; one's own is left. Raises `NotFound`; `Conflict` for the last owner."""
        leaves = user_id == caller.user_id

        def work(connection: Connection, standing: Standing) -> None:
            org_id = standing.organization.id
            role = membership.role_of(connection, org_id=org_id, user_id=user_id)
            if not leaves:
                require(caller, standing, removing(role))
            membership.remove(connection, org_id=org_id, user_id=user_id)

        await self._authorization.write(
            caller,
            org=org,
            action=Action.MEMBER_LEAVE if leaves else Action.MEMBER_REMOVE,
            status=204,
            work=work,
        )
