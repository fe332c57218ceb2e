"""What people change of their own account, put together."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.audit.service import Audit
from vestibule.clock import Clock
from vestibule.identity.own_profile import OwnProfile
from vestibule.identity.registry import Registry
from vestibule.login.own_password import OwnPassword
from vestibule.login.service import Login
from vestibule.users.service import Users


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own password and names."""

    password: OwnPassword
    profile: OwnProfile


def make_own(login: Login, users: Users, registry: Registry, audit: Audit, clock: Clock) -> Own:
    """Both, for everybody."""
    return Own(
        password=OwnPassword(login=login, users=users, audit=audit),
        profile=OwnProfile(registry=registry, audit=audit, clock=clock),
    )
