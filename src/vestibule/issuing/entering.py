"""Which organization a token is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vestibule.clients.models import Client
from vestibule.clients.service import require_organization
from vestibule.errors import AccessForbidden
from vestibule.orgs.models import Membership
from vestibule.orgs.service import default_membership, enterable_by_password, entered
from vestibule.users.models import User


def organization_to_enter(
    client: Client, user: User, memberships: Sequence[Membership], key: str | None
) -> Membership | None:
    """The organization that the token is for: the one asked for, else the user's default.

    Raises `NotFound` and `AccessForbidden` for one asked for that can't be entered.
    """
    if key is not None:
        membership = entered(memberships, key=key)
        require_organization(client, key)
        return membership
    return default_membership(enterable(client, memberships), chosen=user.default_org_id)


def enterable(client: Client, memberships: Sequence[Membership]) -> list[Membership]:
    """Those that a local password opens now, through this client."""
    return [
        m
        for m in enterable_by_password(memberships)
        if client.organizations is None or m.organization.key in client.organizations
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """The organizations that a person may let a client into, and the one that is meant."""

    possible: list[Membership]
    meant: Membership | None

    def picked(self, key: str) -> Membership | None:
        """The one of this key; what is meant where nothing was picked.

        Raises `AccessForbidden` for one that is not possible.
        """
        if not key:
            return self.meant
        for membership in self.possible:
            if membership.organization.key == key:
                return membership
        raise AccessForbidden("This organization can't be entered", cause="org_unknown")


def choice_of(
    client: Client, user: User, memberships: Sequence[Membership], key: str | None
) -> Choice:
    """What a person is asked on a page. Raises as `organization_to_enter` does."""
    meant = organization_to_enter(client, user, memberships, key)
    if key is not None and meant is not None:
        return Choice([meant], meant)
    return Choice(enterable(client, memberships), meant)
