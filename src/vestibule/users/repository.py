"""Which rows: users."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from vestibule.storage import bulk
from vestibule.storage.lookup import Lookup
from vestibule.users.models import User, users

LAST = "\U0010ffff"
"""What no character stands behind."""

_names = tuple(User.__slots__)


def _the_one(rows: Sequence[Sequence[Any]]) -> User | None:
    return User(*rows[0]) if rows else None


BY_ID: Lookup[UUID, User | None] = Lookup(select(users), by=users.c.id, answer=_the_one)
BY_USERNAME: Lookup[str, User | None] = Lookup(select(users), by=users.c.username, answer=_the_one)
BY_EMAIL: Lookup[str, User | None] = Lookup(
    select(users), by=users.c.email_address, answer=_the_one
)
_unchanged = select(users.c.id).where(users.c.id == bindparam("unchanged_id"), users.c.is_active)
_unchanged_with_password = _unchanged.where(
    users.c.password_hash == bindparam("unchanged_hash", type_=users.c.password_hash.type)
)
_set_hash = (
    update(users)
    .where(users.c.id == bindparam("user_id"), users.c.password_hash == bindparam("former"))
    .values(password_hash=bindparam("replacement"))
)


def by_id(connection: Connection, user_id: UUID) -> User | None:
    """The user of this id."""
    return BY_ID.one(connection, user_id)


def names_of(connection: Connection, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """The usernames of those of these ids that there are."""
    statement = select(users.c.id, users.c.username).where(users.c.id.in_(user_ids))
    return {row.id: row.username for row in connection.execute(statement)}


def by_name(connection: Connection, name: str) -> User | None:
    """The user whose canonical username or, where there is an @, e-mail address this is."""
    return lookup_of(name).one(connection, name)


def lookup_of(name: str) -> Lookup[str, User | None]:
    """What finds users by names such as this one: by e-mail address where there is an @."""
    return BY_EMAIL if "@" in name else BY_USERNAME


def taken(connection: Connection, *, usernames: Sequence[str], emails: Sequence[str]) -> list[User]:
    """The users who have one of these names or addresses."""
    statement = select(users).where(
        or_(users.c.username.in_(usernames), users.c.email_address.in_(emails))
    )
    return [User(*row) for row in connection.execute(statement)]


def named_like(
    connection: Connection, start: str, *, after: str = "", limit: int = 100
) -> list[User]:
    """A page of users by username, behind `after`, whose username starts so."""
    key = _bytewise(connection, users.c.username)
    statement = select(users).where(*_range(key, start, after)).order_by(key).limit(limit)
    return [User(*row) for row in connection.execute(statement)]


def addressed_like(
    connection: Connection, start: str, *, after: str, limit: int, rows: int
) -> tuple[list[User], str | None]:
    """A page of users by address, behind `after`, whose e-mail address alone starts so.

    Of so many `rows` whose addresses do, for most may be named so as well; and the last address of
    them, where there may be more behind it.
    """
    key, username = (_bytewise(connection, users.c[n]) for n in ("email_address", "username"))
    edge = connection.execute(
        select(users.c.email_address)
        .where(*_range(key, start, after))
        .order_by(key)
        .offset(rows - 1)
        .limit(1)
    ).scalar()
    there = _range(key, start, after, until=edge)
    statement = select(users).where(*there, ~username.between(start, start + LAST))
    found = connection.execute(statement.order_by(key).limit(limit))
    return [User(*row) for row in found], edge


def _range(
    key: ColumnElement[str], start: str, after: str, *, until: str | None = None
) -> list[ColumnElement[bool]]:
    """What begins so, is behind `after` and not behind `until`: a part of an index."""
    # One bound on each side: of two, SQLite looks up the first and reads the rest through.
    lower = key > after if after >= start else key >= start
    if until is None and not start:
        return [lower]
    return [lower, key <= (start + LAST if until is None else until)]


def _bytewise(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    return column if connection.dialect.name == "sqlite" else column.collate("C")


def add(connection: Connection, new: Sequence[User]) -> None:
    """Insert them all; `IntegrityError` where a name is taken."""
    connection.execute(insert(users), [_row(user) for user in new])


def add_absent(connection: Connection, new: Sequence[User]) -> set[UUID]:
    """Insert those whose names nobody has, the first of several of one name; their ids."""
    return bulk.add_absent(connection, users, [_row(user) for user in new])


def _row(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _names}


def change(connection: Connection, user_id: UUID, values: dict[str, Any]) -> None:
    """Set some columns."""
    connection.execute(update(users).where(users.c.id == user_id).values(**values))


def change_unchanged(connection: Connection, user: User, values: dict[str, Any]) -> bool:
    """The same where the account is active and its password still the one of `user`."""
    statement = update(users).where(
        users.c.id == user.id, users.c.is_active, users.c.password_hash == user.password_hash
    )
    return connection.execute(statement.values(**values)).rowcount == 1


def unchanged(user: User, *, password: bool) -> tuple[Select[Any], dict[str, Any]]:
    """What finds the account where it is still what was decided on; its values.

    Asked where a session begins, with a lock: a disabled account, and where it was the `password`
    that let somebody in a new password, end all sessions there are, and must not miss one that
    begins in the same instant.
    """
    if password:
        values = {"unchanged_id": user.id, "unchanged_hash": user.password_hash}
        return _unchanged_with_password, values
    return _unchanged, {"unchanged_id": user.id}


def still_administers(connection: Connection, user_id: UUID) -> bool:
    """Whether this user administers the service, and will until the transaction ends."""
    statement = select(users.c.id).where(users.c.id == user_id, users.c.is_active, users.c.is_admin)
    return connection.execute(statement.with_for_update()).first() is not None


def replace_hash(connection: Connection, *, user_id: UUID, former: str, replacement: str) -> bool:
    """Replace a hash by one of the same password; whether the former one was still there."""
    parameters = {"user_id": user_id, "former": former, "replacement": replacement}
    return connection.execute(_set_hash, parameters).rowcount == 1


def any_user(connection: Connection) -> bool:
    """Whether there is one."""
    return connection.execute(select(users.c.id).limit(1)).first() is not None


def count_foreign_hashes(connection: Connection) -> int:
    """How many passwords are still stored in a format that is not ours."""
    statement = select(func.count()).where(users.c.password_hash.not_like("$argon2id$%"))
    return connection.execute(statement).scalar_one()
