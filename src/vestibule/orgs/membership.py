"""How memberships change: an organization never loses its last owner."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from vestibule.errors import Conflict, NotFound
from vestibule.orgs import repository
from vestibule.orgs.models import Role


def role_of(connection: Connection, *, org_id: UUID, user_id: UUID) -> Role:
    """The role of a member. Raises `NotFound`."""
    role = repository.role_of(connection, org_id=org_id, user_id=user_id)
    if role is None:
        raise NotFound("Member not found", cause="member_unknown")
    return role


def change_role(connection: Connection, *, org_id: UUID, user_id: UUID, role: Role) -> None:
    """Give a member this role. Raises `NotFound`, and `Conflict` for the last owner."""
    role_of(connection, org_id=org_id, user_id=user_id)
    if not repository.change_role(connection, org_id=org_id, user_id=user_id, role=role):
        raise _last_owner()


def remove(connection: Connection, *, org_id: UUID, user_id: UUID) -> None:
    """End a membership. Raises `NotFound`, and `Conflict` for the last owner."""
    role_of(connection, org_id=org_id, user_id=user_id)
    if not repository.remove_member(connection, org_id=org_id, user_id=user_id):
        raise _last_owner()


def transfer(connection: Connection, *, org_id: UUID, heir: UUID, former: UUID | None) -> None:
    """Make a member the owner, and the former owner an admin; without one named, all of them.

    Raises `NotFound` where the heir is no member.
    """
    change_role(connection, org_id=org_id, user_id=heir, role=Role.OWNER)
    repository.demote_owners(connection, org_id=org_id, heir=heir, former=former)


def _last_owner() -> Conflict:
    return Conflict("An organization keeps at least one owner", cause="last_owner")
