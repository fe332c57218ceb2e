"""Provisioning, put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vestibule.scim.administration import ScimAdministration
from vestibule.scim.endpoints import PREFIX
from vestibule.scim.tenants import Tenants
from vestibule.wiring.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import APIRouter


@dataclass(frozen=True, slots=True)
class Provisioning:
    """All that speaks with identity providers."""

    base: str
    """The URL that they know."""
    administration: ScimAdministration
    protocol: Callable[[], APIRouter]
    """Loads and makes what answers them."""


def make_provisioning(services: Services) -> Provisioning:
    """Provisioning of all organizations."""
    base = f"{services.settings.public_url}{PREFIX}"
    return Provisioning(
        base=base,
        administration=ScimAdministration(
            authorization=services.authorization,
            sessions=services.sessions,
            clock=services.clock,
        ),
        protocol=partial(_protocol, services, base),
    )


def _protocol(services: Services, base: str) -> APIRouter:
    from vestibule.scim import protocol
    from vestibule.scim.groups import ProvisionedGroups
    from vestibule.scim.users import ProvisionedUsers

    return protocol.router(
        users=ProvisionedUsers(
            database=services.database,
            users=services.users,
            sessions=services.sessions,
            audit=services.audit,
            clock=services.clock,
            base=base,
        ),
        groups=ProvisionedGroups(
            database=services.database,
            sessions=services.sessions,
            audit=services.audit,
            clock=services.clock,
            base=base,
        ),
        tenants=Tenants(database=services.database, guard=services.guard, clock=services.clock),
        base=base,
    )
