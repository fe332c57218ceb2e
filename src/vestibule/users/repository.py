"""Which rows: users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from vestibule.errors import AuthenticationFailed
from vestibule.users.models import User, users

_names = tuple(User.__slots__)
_by_id = select(users).where(users.c.id == bindparam("id"))
_by_username = select(users).where(users.c.username == bindparam("name"))
_by_email = select(users).where(users.c.email_address == bindparam("name"))
_set_hash = (
    update(users)
    .where(users.c.id == bindparam("user_id"), users.c.password_hash == bindparam("former"))
    .values(password_hash=bindparam("replacement"))
)


def by_id(connection: Connection, user_id: UUID) -> User | None:
    """The user of this id."""
    row = connection.execute(_by_id, {"id": user_id}).one_or_none()
    return User(*row) if row else None


def by_name(connection: Connection, name: str) -> User | None:
    """The user whose canonical username or, where there is an @, e-mail address this is."""
    statement = _by_email if "@" in name else _by_username
    row = connection.execute(statement, {"name": name}).one_or_none()
    return User(*row) if row else None


def taken(connection: Connection, *, usernames: Sequence[str], emails: Sequence[str]) -> list[User]:
    """The users who have one of these names or addresses."""
    statement = select(users).where(
        or_(users.c.username.in_(usernames), users.c.email_address.in_(emails))
    )
    return [User(*row) for row in connection.execute(statement)]


def list_users(
    connection: Connection, *, search: str = "", after: str = "", limit: int = 100
) -> list[User]:
    """A page of users by username, behind `after`, whose name or address starts with `search`."""
    statement = (
        select(users).where(users.c.username > after).order_by(users.c.username).limit(limit)
    )
    if search:
        statement = statement.where(
            or_(
                users.c.username.startswith(search, autoescape=True),
                users.c.email_address.startswith(search, autoescape=True),
            )
        )
    return [User(*row) for row in connection.execute(statement)]


def add(connection: Connection, new: Sequence[User]) -> None:
    """Insert them all; `IntegrityError` where a name is taken."""
    connection.execute(insert(users), [{n: getattr(user, n) for n in _names} for user in new])


def change(connection: Connection, user_id: UUID, values: dict[str, Any]) -> None:
    """Set some columns."""
    connection.execute(update(users).where(users.c.id == user_id).values(**values))


def require_unchanged(connection: Connection, user: User, *, password: bool) -> None:
    """Raise `AuthenticationFailed` where the account is no longer what was decided on.

    Asked in the unit that begins a session: a disabled account, and where it was the `password`
    that let somebody in a new password, end all sessions there are, and must not miss one that
    begins in the same instant.
    """
    now = by_id(connection, user.id)
    if now is None or not now.is_active:
        raise AuthenticationFailed(cause="account_changed")
    if password and now.password_hash != user.password_hash:
        raise AuthenticationFailed(cause="account_changed")


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
