"""Tokens of identity providers and roles of groups, for administrators of the organization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.clock import Clock, utc
from vestibule.errors import NotFound, ValidationFailed
from vestibule.ids import new_id
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.checks import checked_name
from vestibule.orgs.models import Role
from vestibule.orgs.policy import Action, Standing
from vestibule.scim import repository
from vestibule.scim.models import ProvisionedGroup, ScimToken
from vestibule.scim.standing import settle_members
from vestibule.scim.tokens import digest_of, new_token
from vestibule.sessions.service import Sessions


@dataclass(frozen=True, slots=True)
class Made:
    """A token, with the secret that is told once."""

    token: ScimToken
    secret: SecretStr


class ScimAdministration:
    """What callers do with provisioning. Raises as `Authorization` does."""

    def __init__(self, *, authorization: Authorization, sessions: Sessions, clock: Clock) -> None:
        self._authorization = authorization
        self._sessions = sessions
        self._clock = clock

    async def tokens(self, caller: Caller, *, org: str) -> list[ScimToken]:
        """All tokens of an organization, oldest first."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.SCIM_READ,
            work=lambda c, standing: repository.tokens_of(c, standing.organization.id),
        )

    async def create(
        self, caller: Caller, *, org: str, name: str, expires_at: datetime | None
    ) -> Made:
        """A new token. Raises `ValidationFailed`."""
        now, token_id = utc(self._clock), new_id()
        secret = new_token(token_id)

        def work(connection: Connection, standing: Standing) -> ScimToken:
            if expires_at is not None and expires_at <= now:
                raise ValidationFailed.of("expires_at", "Must be in the future")
            token = ScimToken(
                id=token_id,
                org_id=standing.organization.id,
                name=checked_name(name),
                digest=digest_of(secret.get_secret_value()),
                created_by=caller.user_id,
                created_at=now,
                expires_at=expires_at,
                last_used_at=None,
                revoked_at=None,
            )
            repository.add_token(connection, token)
            return token

        token = await self._authorization.write(
            caller, org=org, action=Action.SCIM_ADMIT, status=201, work=work
        )
        return Made(token, secret)

    async def revoke(self, caller: Caller, *, org: str, token_id: UUID) -> None:
        """End a token. Raises `NotFound`."""
        now = utc(self._clock)

        def work(connection: Connection, standing: Standing) -> None:
            if not repository.change_token(
                connection,
                org_id=standing.organization.id,
                token_id=token_id,
                values={"revoked_at": now},
            ):
                raise NotFound("Token not found", cause="scim_token_unknown")

        await self._authorization.write(
            caller, org=org, action=Action.SCIM_REVOKE, status=204, work=work
        )

    async def groups(self, caller: Caller, *, org: str) -> list[ProvisionedGroup]:
        """All groups that were provisioned."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.SCIM_READ,
            work=lambda c, standing: repository.groups_of_organization(c, standing.organization.id),
        )

    async def map_group(
        self, caller: Caller, *, org: str, group_id: UUID, role: Role | None
    ) -> ProvisionedGroup:
        """Say what members of a group are; nobody becomes an owner by a group.

        Raises `NotFound`, `ValidationFailed`.
        """
        now = utc(self._clock)

        def work(connection: Connection, standing: Standing) -> ProvisionedGroup:
            org_id = standing.organization.id
            if role is Role.OWNER:
                raise ValidationFailed.of("role", "A group makes nobody an owner")
            found = repository.group(connection, org_id=org_id, group_id=group_id)
            if found is None:
                raise NotFound("Group not found", cause="scim_group_unknown")
            values = {"role": role.value if role else None}
            repository.change_group(connection, org_id=org_id, group_id=group_id, values=values)
            group = replace(found, role=role)
            members = repository.members_of(connection, org_id, [group_id])[group_id]
            settle_members(connection, self._sessions, org_id, members, now=now)
            return group

        return await self._authorization.write(
            caller, org=org, action=Action.SCIM_GROUP_MAP, status=200, work=work
        )
