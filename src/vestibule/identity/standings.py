"""What a directory's groups give: roles in organizations, and how they are taken back.

`granted` remembers, by the organization's key, the role that was given and the one that the
member had before. What somebody here gave or changed meanwhile is theirs, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from vestibule.errors import Conflict
from vestibule.identity import repository
from vestibule.orgs import membership as rules, repository as orgs
from vestibule.orgs.models import Role
from vestibule.orgs.policy import RANKS

Granted = dict[str, dict[str, Any]]


def is_current(granted: Granted, wanted: Mapping[str, Role]) -> bool:
    """Whether nothing is to be changed."""
    return {key: item["role"] for key, item in granted.items()} == {
        key: role.value for key, role in wanted.items()
    }


def apply(
    connection: Connection,
    *,
    user_id: UUID,
    granted: Granted,
    wanted: Mapping[str, Role],
    now: datetime,
) -> Granted:
    """Give what is wanted, take back what no longer is; what is granted from now on.

    An organization that does not exist gives nothing, and one keeps its last owner.
    """
    found = {
        organization.key: organization.id
        for organization in repository.organizations_of_keys(
            connection, sorted({*granted, *wanted})
        )
    }
    after: Granted = {}
    for key in sorted({*granted, *wanted}):
        org_id = found.get(key)
        if org_id is None:
            continue
        item = _settled(
            connection,
            org_id=org_id,
            user_id=user_id,
            former=granted.get(key),
            role=wanted.get(key),
            now=now,
        )
        if item is not None:
            after[key] = item
    return after


def _settled(
    connection: Connection,
    *,
    org_id: UUID,
    user_id: UUID,
    former: dict[str, Any] | None,
    role: Role | None,
    now: datetime,
) -> dict[str, Any] | None:
    present = orgs.role_of(connection, org_id=org_id, user_id=user_id)
    own = former is not None and present is not None and present.value == former["role"]
    before = Role(former["before"]) if former and former["before"] else None
    if former is not None and not own:
        # Somebody here has decided otherwise.
        return None if role is None else {**former, "role": role.value}
    if role is None:
        assert former is not None
        return _taken_back(connection, org_id=org_id, user_id=user_id, former=former, before=before)
    if present is None:
        orgs.add_member(connection, org_id=org_id, user_id=user_id, role=role, joined_at=now)
        return {"role": role.value, "before": None}
    if former is None:
        before = present
    # What the member had without the directory is the least that they have with it.
    target = role if before is None or RANKS[role] >= RANKS[before] else before
    if target is not present:
        try:
            rules.change_role(connection, org_id=org_id, user_id=user_id, role=target)
        except Conflict:
            return former
    return {"role": role.value, "before": before.value if before else None}


def _taken_back(
    connection: Connection,
    *,
    org_id: UUID,
    user_id: UUID,
    former: dict[str, Any],
    before: Role | None,
) -> dict[str, Any] | None:
    try:
        if before is None:
            rules.remove(connection, org_id=org_id, user_id=user_id)
        else:
            rules.change_role(connection, org_id=org_id, user_id=user_id, role=before)
    except Conflict:
        return former  # the last owner: taken back once there is another one
    return None
