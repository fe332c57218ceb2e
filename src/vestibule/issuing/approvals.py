"""From a person's yes on one of our pages to what the client is granted by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.clients.models import Client
from vestibule.errors import InvalidGrant
from vestibule.issuing.service import Granted
from vestibule.orgs.service import Organizations, active_membership
from vestibule.sessions.service import Origin
from vestibule.users.service import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who has said yes, to what, for which organization."""

    user_id: UUID
    org_id: UUID | None
    scopes: frozenset[str]
    auth_time: datetime
    nonce: str | None = None
    directory: str | None = None
    """Key of the upstream directory that the person signed in through."""


class Approvals:
    """Looks at approvals once more when they are redeemed."""

    def __init__(self, *, users: Users, organizations: Organizations) -> None:
        self._users = users
        self._organizations = organizations

    async def granted(
        self,
        approval: Approval,
        *,
        client: Client,
        origin: Origin,
        jkt: str | None,
        id_token: bool,
    ) -> Granted:
        """What the client is granted.

        A client that is not the platform's own was let into one organization, and stays in it.
        Raises `InvalidGrant` where the account or the membership has ended meanwhile.
        """
        user = await self._users.get(approval.user_id)
        if user is None or not user.is_active:
            raise _withdrawn("user_disabled")
        memberships = await self._organizations.memberships_of(user.id)
        membership = active_membership(memberships, approval.org_id)
        if approval.org_id is not None and membership is None:
            raise _withdrawn("org_unknown")
        return Granted(
            client=client,
            user=user,
            scopes=approval.scopes,
            memberships=memberships,
            membership=membership,
            auth_time=approval.auth_time,
            origin=origin,
            jkt=jkt,
            id_token=id_token,
            nonce=approval.nonce,
            directory=approval.directory,
            org_confined=not client.first_party,
        )


def _withdrawn(cause: str) -> InvalidGrant:
    return InvalidGrant("What was approved can't be granted any more", cause=cause)
