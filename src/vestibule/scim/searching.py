"""Finding users by a filter (RFC 7644 §3.4.2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from scim2_models import TooManyException
from scim2_models.path.expressions import CompareOperator, Comparison
from sqlalchemy import Connection

from vestibule.scim import repository
from vestibule.scim.models import ProvisionedUser
from vestibule.text import comparable

MOST = 20_000
"""Users that a filter is tried on; `userName`, `externalId` and `id` are looked up."""
CHUNK = 500


def looked_up(connection: Connection, org_id: UUID, node: object) -> list[ProvisionedUser] | None:
    """Whom an index finds; None where it takes looking."""
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq:
        return None
    name, value = node.attr_path.attr.lower(), node.value
    if node.attr_path.sub_attr is not None or not isinstance(value, str):
        return None
    if not value.isprintable():
        return []  # nobody has such a one, and no database could be asked for it
    if name == "username":
        return repository.users_by(connection, org_id, column="user_name", value=comparable(value))
    if name == "externalid":
        return repository.users_by(connection, org_id, column="external_id", value=value)
    if name == "id":
        try:
            found = repository.user(connection, org_id=org_id, user_id=UUID(value))
        except ValueError:
            return []
        return [found] if found else []
    return None


def everybody(connection: Connection, org_id: UUID) -> Iterator[list[ProvisionedUser]]:
    """All users, some at a time. Raises `TooManyException` where they are too many to try."""
    for offset in range(0, MOST + CHUNK, CHUNK):
        chunk = repository.page_of_users(connection, org_id, offset=offset, limit=CHUNK)
        if offset >= MOST and chunk:
            raise TooManyException(detail="Ask for a userName, an externalId or an id")
        yield chunk
        if len(chunk) < CHUNK:
            return
