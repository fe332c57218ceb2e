"""Provisioning, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vestibule.audit.service import Audit
from vestibule.clock import Clock
from vestibule.guard.service import Guard
from vestibule.orgs.authorization import Authorization
from vestibule.scim.administration import ScimAdministration
from vestibule.scim.tenants import Tenants
from vestibule.scim.tokens import PREFIX
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.storage.database import Database
from vestibule.users.service import Users

if TYPE_CHECKING:
    from fastapi import APIRouter  # not loaded by commands


@dataclass(frozen=True, slots=True)
class Provisioning:
    """All that speaks with identity providers."""

    base: str
    """The URL that they know."""
    administration: ScimAdministration
    protocol: Callable[[], APIRouter]
    """Loads and makes what answers them."""


def make_provisioning(
    settings: Settings,
    database: Database,
    users: Users,
    sessions: Sessions,
    authorization: Authorization,
    guard: Guard,
    audit: Audit,
    clock: Clock,
) -> Provisioning:
    """Provisioning of all organizations."""
    base = f"{settings.public_url}{PREFIX}"

    def protocol() -> APIRouter:
        from vestibule.scim import protocol
        from vestibule.scim.groups import ProvisionedGroups
        from vestibule.scim.users import ProvisionedUsers

        return protocol.router(
            users=ProvisionedUsers(
                database=database, users=users, sessions=sessions, audit=audit, clock=clock,
                base=base,
            ),
            groups=ProvisionedGroups(
                database=database, sessions=sessions, audit=audit, clock=clock, base=base
            ),
            tenants=Tenants(database=database, guard=guard, clock=clock),
            base=base,
        )  # fmt: skip

    return Provisioning(
        base=base,
        administration=ScimAdministration(
            authorization=authorization, sessions=sessions, clock=clock
        ),
        protocol=protocol,
    )
