"""Which rows: configured directories, and the people that they know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from vestibule.errors import AuthenticationFailed
from vestibule.identity.models import Identity, directories, identities
from vestibule.orgs.models import Organization, organizations
from vestibule.users import repository as user_rows
from vestibule.users.models import User, users

_identity_of = (
    select(identities, users)
    .outerjoin(users, users.c.id == identities.c.user_id)
    .where(
        identities.c.directory == bindparam("directory"),
        identities.c.subject == bindparam("subject"),
    )
)
_first_of = (
    select(identities)
    .where(identities.c.user_id == bindparam("user_id"))
    .order_by(identities.c.created_at)
    .limit(1)
)
_unchanged_and_linked = (
    select(users.c.id)
    .join(identities, identities.c.user_id == users.c.id)
    .where(
        users.c.id == bindparam("unchanged_id"),
        users.c.is_active,
        identities.c.directory == bindparam("unchanged_directory"),
    )
)
_COLUMNS = len(identities.columns)


@dataclass(frozen=True, slots=True)
class StoredDirectory:
    """A row of `directories`."""

    key: str
    configuration: dict[str, Any]
    sealed: bytes | None
    created_at: datetime
    updated_at: datetime


def all_directories(connection: Connection) -> list[StoredDirectory]:
    """All of them by key."""
    statement = select(directories).order_by(directories.c.key)
    return [StoredDirectory(*row) for row in connection.execute(statement)]


def add_directory(connection: Connection, row: StoredDirectory) -> None:
    """Insert; `IntegrityError` where the key is taken."""
    connection.execute(
        insert(directories), {name: getattr(row, name) for name in StoredDirectory.__slots__}
    )


def replace_directory(connection: Connection, row: StoredDirectory) -> bool:
    """Put another configuration in its place; whether there is one."""
    statement = (
        update(directories)
        .where(directories.c.key == row.key)
        .values(configuration=row.configuration, sealed=row.sealed, updated_at=row.updated_at)
    )
    return connection.execute(statement).rowcount == 1


def reseal_directory(connection: Connection, key: str, *, former: bytes, sealed: bytes) -> bool:
    """Put the same secrets, sealed anew, in place of the former; whether those were still there."""
    statement = update(directories).where(directories.c.key == key, directories.c.sealed == former)
    return connection.execute(statement.values(sealed=sealed)).rowcount == 1


def remove_directory(connection: Connection, key: str) -> bool:
    """Delete; whether there was one."""
    return connection.execute(delete(directories).where(directories.c.key == key)).rowcount == 1


def is_demanded(connection: Connection, key: str) -> bool:
    """Whether an organization's members must sign in through this directory."""
    statement = select(organizations.c.id).where(organizations.c.directory == key).limit(1)
    return connection.execute(statement).first() is not None


def known(
    connection: Connection, *, directory: str, subject: str
) -> tuple[Identity, User | None] | None:
    """The person of this subject, and their account as far as it is still there."""
    row = connection.execute(
        _identity_of, {"directory": directory, "subject": subject}
    ).one_or_none()
    if row is None:
        return None
    user = row[_COLUMNS:]
    return Identity(*row[:_COLUMNS]), None if user[0] is None else User(*user)


def linked(connection: Connection, identity: Identity) -> Identity | None:
    """The same link as it is now, and stays until the transaction ends; None without one."""
    statement = select(identities).where(
        identities.c.directory == identity.directory,
        identities.c.subject == identity.subject,
        identities.c.user_id == identity.user_id,
    )
    row = connection.execute(statement.with_for_update()).one_or_none()
    return Identity(*row) if row else None


def first_of(connection: Connection, user_id: UUID) -> Identity | None:
    """What the account is known by to the directory that it was linked to first."""
    row = connection.execute(_first_of, {"user_id": user_id}).one_or_none()
    return Identity(*row) if row else None


def identities_of(connection: Connection, user_id: UUID) -> list[Identity]:
    """All that the account is linked to, oldest first."""
    statement = (
        select(identities).where(identities.c.user_id == user_id).order_by(identities.c.created_at)
    )
    return [Identity(*row) for row in connection.execute(statement)]


def due(
    connection: Connection, *, directory: str, before: datetime, after: str, limit: int
) -> list[Identity]:
    """Those behind `after`, by subject, whom the directory has not been asked for after then."""
    statement = (
        select(identities)
        .where(
            identities.c.directory == directory,
            identities.c.subject > after,
            identities.c.seen_at <= before,
        )
        .order_by(identities.c.subject)
        .limit(limit)
    )
    return [Identity(*row) for row in connection.execute(statement)]


def add_identity(connection: Connection, identity: Identity) -> None:
    """Insert; `IntegrityError` where the subject or the account has one in this directory."""
    connection.execute(
        insert(identities), {name: getattr(identity, name) for name in Identity.__slots__}
    )


def change_identity(
    connection: Connection, *, directory: str, subject: str, values: dict[str, Any]
) -> None:
    """Set some columns."""
    connection.execute(
        update(identities)
        .where(identities.c.directory == directory, identities.c.subject == subject)
        .values(**values)
    )


def remove_identity(connection: Connection, *, directory: str, user_id: UUID) -> Identity | None:
    """Delete the account's link to this directory; what it was."""
    where = (identities.c.user_id == user_id, identities.c.directory == directory)
    row = connection.execute(select(identities).where(*where)).one_or_none()
    connection.execute(delete(identities).where(*where))
    return Identity(*row) if row else None


def unchanged(
    user: User, *, directory: str | None, password: bool
) -> tuple[Select[Any], dict[str, Any]]:
    """As `users.repository.unchanged`, of whoever a directory has let in as well.

    Such an account must still be linked to it: to take the link away ends all sessions too.
    """
    if directory is None:
        return user_rows.unchanged(user, password=password)
    values = {"unchanged_id": user.id, "unchanged_directory": directory}
    return _unchanged_and_linked, values


def require_unchanged(
    connection: Connection, user: User, *, directory: str | None, password: bool
) -> None:
    """The same within a unit of work: raises `AuthenticationFailed` where it has changed."""
    statement, values = unchanged(user, directory=directory, password=password)
    if connection.execute(statement.with_for_update(read=True), values).first() is None:
        raise AuthenticationFailed(cause="account_changed")


def organizations_of_keys(connection: Connection, keys: Sequence[str]) -> list[Organization]:
    """The organizations of these keys, as far as there are any."""
    statement = select(organizations).where(organizations.c.key.in_(keys))
    return [Organization(*row) for row in connection.execute(statement)]
