"""Which rows: API keys. What a person may see of them always names the person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from vestibule.apikeys.models import ApiKey, api_keys
from vestibule.orgs.models import workspaces
from vestibule.storage.metadata import UtcDateTime

_names = tuple(ApiKey.__slots__)
_by_id = select(api_keys).where(api_keys.c.id == bindparam("id"))
_used_at = bindparam("used_at", type_=UtcDateTime)
_note_use = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("key_id"),
        # Of several instances the one that writes last need not be the one that saw it last.
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < _used_at),
    )
    .values(last_used_at=_used_at)
)


def by_id(connection: Connection, key_id: UUID) -> ApiKey | None:
    """The key of this id, revoked or not."""
    row = connection.execute(_by_id, {"id": key_id}).one_or_none()
    return ApiKey(*row) if row else None


def of_user(
    connection: Connection, *, user_id: UUID, key_id: UUID | None = None, now: datetime, limit: int
) -> list[ApiKey]:
    """A user's keys that are not revoked: those that work first, then the newest."""
    expired = api_keys.c.expires_at.is_not(None) & (api_keys.c.expires_at <= now)
    statement = (
        select(api_keys)
        .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        .order_by(expired, api_keys.c.id.desc())
        .limit(limit)
    )
    if key_id is not None:
        statement = statement.where(api_keys.c.id == key_id)
    return [ApiKey(*row) for row in connection.execute(statement)]


def count_working(connection: Connection, *, user_id: UUID, now: datetime) -> int:
    """How many keys of a user are neither revoked nor expired."""
    statement = select(func.count()).where(
        api_keys.c.user_id == user_id,
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
    )
    return connection.execute(statement).scalar_one()


def add(connection: Connection, key: ApiKey) -> None:
    """Insert."""
    connection.execute(insert(api_keys), {name: getattr(key, name) for name in _names})


def change(connection: Connection, key_id: UUID, values: dict[str, Any]) -> None:
    """Set some columns."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))


def note_uses(connection: Connection, uses: Mapping[UUID, datetime]) -> None:
    """Move `last_used_at` forward, never back."""
    connection.execute(
        _note_use, [{"key_id": key_id, "used_at": moment} for key_id, moment in uses.items()]
    )


def forget_ended(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` that were revoked or expired before that moment; how many."""
    count = 0
    for ended_at in (api_keys.c.revoked_at, api_keys.c.expires_at):
        # One at a time: each has an index, `OR` would scan the table.
        some = select(api_keys.c.id).where(ended_at < before).limit(limit - count)
        count += connection.execute(delete(api_keys).where(api_keys.c.id.in_(some))).rowcount
    return count


def org_of_workspace(connection: Connection, workspace_id: UUID) -> UUID | None:
    """The organization that a workspace is a part of."""
    statement = select(workspaces.c.org_id).where(workspaces.c.id == workspace_id)
    return connection.execute(statement).scalar_one_or_none()
