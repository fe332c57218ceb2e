"""Which organization a token is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vestibule.clients.models import Client
from vestibule.clients.service import require_organization
from vestibule.errors import AccessForbidden
from vestibule.orgs import service as orgs
from vestibule.orgs.models import Membership
from vestibule.orgs.service import default_membership, entered
from vestibule.users.models import User


def organization_to_enter(
    client: Client,
    user: User,
    memberships: Sequence[Membership],
    key: str | None,
    *,
    directory: str | None,
) -> Membership | None:
    """The organization that the token is for: the one asked for, else the user's default.

    `directory` is the one that the person signed in through; None for our own.

    Raises `NotFound` and `AccessForbidden` for one asked for that can't be entered.
    """
    if key is not None:
        membership = entered(memberships, key=key, directory=directory)
        require_organization(client, key)
        return membership
    possible = enterable(client, memberships, directory=directory)
    return default_membership(possible, chosen=user.default_org_id)


def enterable(
    client: Client, memberships: Sequence[Membership], *, directory: str | None
) -> list[Membership]:
    """Those that may be entered now, through this client, by somebody who signed in so."""
    return [
        m
        for m in orgs.enterable(memberships, directory=directory)
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
    client: Client,
    user: User,
    memberships: Sequence[Membership],
    key: str | None,
    *,
    directory: str | None,
) -> Choice:
    """What a person is asked on a page. Raises as `organization_to_enter` does."""
    meant = organization_to_enter(client, user, memberships, key, directory=directory)
    if key is not None and meant is not None:
        return Choice([meant], meant)
    return Choice(enterable(client, memberships, directory=directory), meant)
