"""Provisioning, put together."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.audit.service import Audit
from vestibule.clock import Clock
from vestibule.guard.service import Guard
from vestibule.orgs.authorization import Authorization
from vestibule.scim.administration import ScimAdministration
from vestibule.scim.endpoints import PREFIX
from vestibule.scim.groups import ProvisionedGroups
from vestibule.scim.tenants import Tenants
from vestibule.scim.users import ProvisionedUsers
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.storage.database import Database
from vestibule.users.service import Users


@dataclass(frozen=True, slots=True)
class Provisioning:
    """All that speaks with identity providers."""

    base: str
    """The URL that they know."""
    tenants: Tenants
    users: ProvisionedUsers
    groups: ProvisionedGroups
    administration: ScimAdministration


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
    groups = ProvisionedGroups(
        database=database, sessions=sessions, audit=audit, clock=clock, base=base
    )
    return Provisioning(
        base=base,
        tenants=Tenants(database=database, guard=guard, clock=clock),
        users=ProvisionedUsers(
            database=database, users=users, sessions=sessions, audit=audit, clock=clock, base=base
        ),
        groups=groups,
        administration=ScimAdministration(authorization=authorization, groups=groups, clock=clock),
    )
