"""What callers do with organizations themselves."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AlreadyExists, Conflict
from vestibule.orgs import membership, repository
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.checks import checked_description, checked_name
from vestibule.orgs.founding import found
from vestibule.orgs.models import Organization, Role
from vestibule.orgs.policy import Action, Standing, require_creation
from vestibule.orgs.service import Organizations


class Administration:
    """Organizations, for those who may."""

    def __init__(
        self,
        *,
        organizations: Organizations,
        authorization: Authorization,
        audit: Audit,
        clock: Clock,
        anyone_creates: bool,
    ) -> None:
        self._organizations = organizations
        self._authorization = authorization
        self._audit = audit
        self._clock = clock
        self._anyone_creates = anyone_creates

    async def create(
        self, caller: Caller, *, key: str, name: str, description: str
    ) -> Organization:
        """A new organization that the caller owns, with its default workspace and project.

        Raises `AccessForbidden`, `ValidationFailed`, `AlreadyExists`.
        """
        attempt = caller.attempt(Action.ORG_CREATE.value)

        def write(connection: Connection) -> None:
            try:
                found(connection, organization, owner=caller.user_id)
            except IntegrityError:
                raise AlreadyExists("This key is taken") from None

        async with self._audit.following(attempt):
            require_creation(caller, anyone=self._anyone_creates)
            organization = self._organizations.new(key=key, name=name, description=description)
            attempt.org_id = organization.id
            await self._audit.succeeded(attempt, status=201, work=write)
        return organization

    async def get(self, caller: Caller, *, org: str) -> Organization:
        """The organization of this key."""
        return await self._authorization.read(
            caller, org=org, action=Action.ORG_READ, work=lambda _, standing: standing.organization
        )

    async def auditable(self, caller: Caller, *, org: str) -> Organization:
        """The organization of this key, whose trail the caller may see."""
        return await self._authorization.read(
            caller, org=org, action=Action.ORG_AUDIT, work=lambda _, standing: standing.organization
        )

    async def update(
        self, caller: Caller, *, org: str, name: str | None, description: str | None
    ) -> Organization:
        """Change what is given. Raises `ValidationFailed`."""

        def work(connection: Connection, standing: Standing) -> Organization:
            values: dict[str, object] = {"updated_at": utc(self._clock)}
            if name is not None:
                values["name"] = checked_name(name)
            if description is not None:
                values["description"] = checked_description(description)
            repository.change(connection, standing.organization.id, values)
            return repository.by_key(connection, org) or standing.organization

        return await self._authorization.write(
            caller, org=org, action=Action.ORG_UPDATE, status=200, work=work
        )

    async def suspend(self, caller: Caller, *, org: str) -> None:
        """Let nobody in any more but administrators of the service."""
        await self._set_active(caller, org, Action.ORG_SUSPEND, is_active=False)

    async def resume(self, caller: Caller, *, org: str) -> None:
        """End a suspension."""
        await self._set_active(caller, org, Action.ORG_RESUME, is_active=True)

    async def transfer(self, caller: Caller, *, org: str, user_id: UUID) -> None:
        """Make a member the owner in the caller's place, who becomes an admin.

        An administrator of the service who is no owner takes the place from all that are.
        Raises `NotFound` for the member, `Conflict` where nothing would change hands.
        """

        def work(connection: Connection, standing: Standing) -> None:
            is_owner = standing.role is Role.OWNER
            if is_owner and user_id == caller.user_id:
                raise Conflict("You are the owner already", cause="same_owner")
            membership.transfer(
                connection,
                org_id=standing.organization.id,
                heir=user_id,
                former=caller.user_id if is_owner else None,
            )

        await self._authorization.write(
            caller, org=org, action=Action.ORG_TRANSFER, status=204, work=work
        )

    async def _set_active(
        self, caller: Caller, org: str, action: Action, *, is_active: bool
    ) -> None:
        def work(connection: Connection, standing: Standing) -> None:
            values = {"is_active": is_active, "updated_at": utc(self._clock)}
            repository.change(connection, standing.organization.id, values)

        await self._authorization.write(caller, org=org, action=action, status=204, work=work)
