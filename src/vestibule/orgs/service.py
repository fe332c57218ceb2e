"""Decisions about organizations: which may be entered, and how they come to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from vestibule.clock import Clock, utc
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    NotFound,
    ValidationFailed,
)
from vestibule.ids import new_id
from vestibule.orgs import repository
from vestibule.orgs.models import Membership, Organization, Role
from vestibule.storage.database import Database

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A key stands in URLs and scopes: one DNS label, lower-case."""


class Organizations:
    """Organizations and their members."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def memberships_of(self, user_id: UUID) -> list[Membership]:
        """All memberships of a user, by the organizations' names, suspended ones included."""
        return await self._database.read(lambda c: repository.memberships_of(c, user_id))

    async def get(self, key: str) -> Organization:
        """The organization of this key. Raises `NotFound`."""
        found = await self._database.read(lambda c: repository.by_key(c, key))
        if found is None:
            raise NotFound(f"There is no organization {key!r}")
        return found

    async def list(self, *, after: str = "", limit: int = 1000) -> list[Organization]:
        """A page of organizations by key, those behind `after`."""
        return await self._database.scan(
            lambda c: repository.list_organizations(c, after=after, limit=limit)
        )

    async def create(self, *, key: str, name: str, description: str = "") -> Organization:
        """A new, active organization. Raises `ValidationFailed`, `AlreadyExists`."""
        organization = self.new(key=key, name=name, description=description)
        try:
            await self._database.write(lambda c: repository.add(c, organization))
        except IntegrityError:
            raise AlreadyExists(f"There is an organization {key!r} already") from None
        return organization

    def new(self, *, key: str, name: str, description: str = "") -> Organization:
        """An organization as it would be created, not yet written. Raises `ValidationFailed`."""
        if not KEY.fullmatch(key):
            raise ValidationFailed.of(
                "key", "A key is lower-case letters, digits and inner hyphens"
            )
        now = utc(self._clock)
        return Organization(
            id=new_id(),
            key=key,
            name=_checked_name(name),
            description=description,
            is_active=True,
            password_sign_in=True,
            created_at=now,
            updated_at=now,
        )

    async def update(self, key: str, **changes: Any) -> Organization:
        """Change `name`, `description`, `is_active` or `password_sign_in`. Raises `NotFound`."""
        organization = await self.get(key)
        values = {name: value for name, value in changes.items() if value is not None}
        if "name" in values:
            values["name"] = _checked_name(values["name"])
        if values:
            values["updated_at"] = utc(self._clock)
            await self._database.write(lambda c: repository.change(c, organization.id, values))
        return await self.get(key)

    async def add_member(self, *, key: str, user_id: UUID, role: Role) -> Organization:
        """Let a user in. Raises `NotFound` for the organization, `AlreadyExists` for a member."""
        organization = await self.get(key)
        now = utc(self._clock)
        try:
            await self._database.write(
                lambda c: repository.add_member(
                    c, org_id=organization.id, user_id=user_id, role=role, joined_at=now
                )
            )
        except IntegrityError:
            raise AlreadyExists(f"This user is a member of {key!r} already") from None
        return organization


def enterable_by_password(memberships: Sequence[Membership]) -> list[Membership]:
    """Those that a local password opens now."""
    return [m for m in memberships if m.organization.is_active and m.organization.password_sign_in]


def default_membership(
    memberships: Sequence[Membership], *, chosen: UUID | None
) -> Membership | None:
    """The user's own choice, else the one joined first, else none."""
    for membership in memberships:
        if membership.organization.id == chosen:
            return membership
    return min(memberships, key=lambda m: (m.joined_at, m.organization.id), default=None)


def entered(memberships: Sequence[Membership], *, key: str) -> Membership:
    """The membership that `scope=org:KEY` asks for.

    Raises `NotFound` alike for an organization that does not exist and for one that the user
    is no member of; `AccessForbidden` where it is suspended or demands another way to sign in.
    """
    for membership in memberships:
        if membership.organization.key != key:
            continue
        if not membership.organization.is_active:
            raise AccessForbidden("This organization is suspended", cause="org_suspended")
        if not membership.organization.password_sign_in:
            raise AccessForbidden(
                "This organization demands another way to sign in", cause="org_sign_in"
            )
        return membership
    raise NotFound("Organization not found", cause="org_unknown")


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise ValidationFailed.of("name", "A name is 1 to 200 printable characters")
    return name
