"""What people change of their own account, put together."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.audit.service import Audit
from vestibule.clock import Clock
from vestibule.identity.own_profile import OwnProfile
from vestibule.identity.registry import Registry
from vestibule.login.own_password import OwnPassword
from vestibule.login.service import Login
from vestibule.members.default import DefaultOrganization
from vestibule.users.service import Users


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own password, names and default organization."""

    password: OwnPassword
    profile: OwnProfile
    default_organization: DefaultOrganization


def make_own(login: Login, users: Users, registry: Registry, audit: Audit, clock: Clock) -> Own:
    """All of it, for everybody."""
    return Own(
        password=OwnPassword(login=login, users=users, audit=audit),
        profile=OwnProfile(registry=registry, audit=audit, clock=clock),
        default_organization=DefaultOrganization(audit=audit, clock=clock),
    )
