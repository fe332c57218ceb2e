"""Provisioning, put together."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.scim.administration import ScimAdministration
from vestibule.scim.endpoints import PREFIX
from vestibule.scim.groups import ProvisionedGroups
from vestibule.scim.tenants import Tenants
from vestibule.scim.users import ProvisionedUsers
from vestibule.wiring.services import Services


@dataclass(frozen=True, slots=True)
class Provisioning:
    """All that speaks with identity providers."""

    base: str
    """The URL that they know."""
    tenants: Tenants
    users: ProvisionedUsers
    groups: ProvisionedGroups
    administration: ScimAdministration


def make_provisioning(services: Services) -> Provisioning:
    """Provisioning of all organizations.

    It is no part of `Services`: what reads the protocol is large, and commands don't need it.
    """
    base = f"{services.settings.public_url}{PREFIX}"
    groups = ProvisionedGroups(
        database=services.database,
        sessions=services.sessions,
        audit=services.audit,
        clock=services.clock,
        base=base,
    )
    return Provisioning(
        base=base,
        tenants=Tenants(database=services.database, guard=services.guard, clock=services.clock),
        users=ProvisionedUsers(
            database=services.database,
            users=services.users,
            sessions=services.sessions,
            audit=services.audit,
            clock=services.clock,
            base=base,
        ),
        groups=groups,
        administration=ScimAdministration(
            authorization=services.authorization, groups=groups, clock=services.clock
        ),
    )
