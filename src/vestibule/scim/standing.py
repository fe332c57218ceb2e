"""What a provisioned user is in the organization, and what becomes of the account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from vestibule.orgs import membership as rules, repository as orgs
from vestibule.orgs.models import Role
from vestibule.orgs.policy import RANKS
from vestibule.scim import repository
from vestibule.scim.models import ProvisionedUser
from vestibule.sessions.service import Sessions
from vestibule.users import repository as user_rows


def settle(
    connection: Connection,
    sessions: Sessions,
    user: ProvisionedUser,
    *,
    is_active: bool,
    now: datetime,
) -> None:
    """Make membership, role and account what the provider's word makes of them.

    Raises `Conflict` where the organization would lose its last owner.
    """
    if is_active:
        _let_in(connection, user, now=now)
    else:
        _put_out(connection, sessions, user, now=now)


def settle_members(
    connection: Connection,
    sessions: Sessions,
    org_id: UUID,
    user_ids: Iterable[UUID],
    *,
    now: datetime,
) -> None:
    """The same of those who are members, after a group of theirs has changed."""
    for user_id in sorted(user_ids):
        user = repository.user(connection, org_id=org_id, user_id=user_id)
        member = orgs.role_of(connection, org_id=org_id, user_id=user_id) is not None
        if user is not None and member:
            settle(connection, sessions, user, is_active=True, now=now)


def _let_in(connection: Connection, user: ProvisionedUser, *, now: datetime) -> None:
    where = {"org_id": user.org_id, "user_id": user.user_id}
    groups = repository.groups_of_users(connection, user.org_id, [user.user_id])[user.user_id]
    roles = [group.role for group in groups if group.role is not None]
    role = max([Role.MEMBER, *roles], key=RANKS.__getitem__)
    present = orgs.role_of(connection, **where)
    values: dict[str, object] = {"disabled_account": False, "granted_role": role.value}
    if present is None:
        orgs.add_member(connection, **where, role=role, joined_at=now)
    elif user.granted_role == present.value:
        if role is not present:
            rules.change_role(connection, **where, role=role)
    else:
        # Somebody here has decided otherwise, or it was a member before.
        values.pop("granted_role")
    repository.change_user(connection, **where, values=values)
    if user.disabled_account:
        user_rows.change(connection, user.user_id, {"is_active": True, "updated_at": now})


def _put_out(
    connection: Connection, sessions: Sessions, user: ProvisionedUser, *, now: datetime
) -> None:
    where = {"org_id": user.org_id, "user_id": user.user_id}
    if orgs.role_of(connection, **where) is not None:
        rules.remove(connection, **where)
    account = user_rows.by_id(connection, user.user_id)
    if not user.made_account or account is None or not account.is_active or account.is_admin:
        return
    if orgs.memberships_of(connection, user.user_id):
        return  # others know this person, too
    user_rows.change(connection, user.user_id, {"is_active": False, "updated_at": now})
    sessions.end(connection, cause="scim_deactivated", user_id=user.user_id)
    repository.change_user(connection, **where, values={"disabled_account": True})
