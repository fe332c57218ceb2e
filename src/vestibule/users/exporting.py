"""Taking users out by the million: as of one moment, in the form that an import takes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from vestibule.orgs import repository as orgs
from vestibule.orgs.models import Role, organizations
from vestibule.storage.database import is_embedded
from vestibule.storage.snapshot import copy_lines, embedded_snapshot
from vestibule.users.models import users

PAGE = 1000
"""Users that are read from the embedded database at a time."""

_FIELDS = (
    "username", "email_address", "first_name", "last_name", "password_hash", "is_active",
    "email_verified",
)  # fmt: skip

# The same bytes as `_line` makes of a row.
_QUERY = """
SELECT json_strip_nulls(row_to_json(line)) FROM (
    SELECT username, email_address, first_name, last_name, {password_hash}, is_active,
        email_verified,
        (SELECT key FROM organizations WHERE id = default_org_id) AS default_organization,
        ARRAY(
            SELECT CASE role WHEN 'member' THEN key ELSE key || ':' || role END
            FROM memberships JOIN organizations ON organizations.id = org_id
            WHERE user_id = users.id ORDER BY key COLLATE "C"
        ) AS organizations
    FROM users ORDER BY users.id
) AS line
"""

_page = (
    select(
        users.c.id,
        *(users.c[name] for name in _FIELDS),
        organizations.c.key.label("default_organization"),
    )
    .outerjoin(organizations, organizations.c.id == users.c.default_org_id)
    .order_by(users.c.id)
    .limit(PAGE)
)


async def export(
    url: str,
    *,
    take: Callable[[bytes], object],
    progress: Callable[[int], None],
    with_passwords: bool = True,
) -> int:
    """Write all users of a database as lines of JSON, those who came first first.

    `take` gets some whole lines at a time, and `progress` how many there were so far. Returns how
    many there were. Raises `DatabaseUnavailable`.
    """
    count = 0

    def taken(lines: bytes) -> None:
        nonlocal count
        take(lines)
        count += lines.count(b"\n")
        progress(count)

    if not is_embedded(url):
        hashes = "password_hash" if with_passwords else "NULL AS password_hash"
        await copy_lines(url, _QUERY.format(password_hash=hashes), taken)
        return count
    after: UUID | None = UUID(int=0)
    async with embedded_snapshot(url) as snapshot:
        while after is not None:
            page = partial(_lines, after=after, with_passwords=with_passwords)
            lines, after = await snapshot.read(page)
            taken(lines)
    return count


def _lines(
    connection: Connection, after: UUID, *, with_passwords: bool
) -> tuple[bytes, UUID | None]:
    """The lines of a page behind that user, and the last user of it; None where there is none."""
    found = connection.execute(_page.where(users.c.id > after)).mappings().all()
    keys: dict[UUID, list[str]] = defaultdict(list)
    for user_id, key, role in orgs.keys_and_roles_of(connection, [row["id"] for row in found]):
        keys[user_id].append(key if role is Role.MEMBER else f"{key}:{role.value}")
    lines = []
    for row in found:
        fields = {**row, "organizations": keys[row["id"]]}
        del fields["id"]
        if not with_passwords:
            del fields["password_hash"]
        lines.append(_line(fields))
    return b"".join(lines), found[-1]["id"] if found else None


def _line(fields: dict[str, Any]) -> bytes:
    said = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
