"""Which rows: signing keys, revoked tokens and what may come once only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, LargeBinary, bindparam, exists, func, insert, or_, select, update

from vestibule.storage.metadata import UtcDateTime
from vestibule.tokens.models import SigningKey, replays, revoked_tokens, signing_keys

_revoked = select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == bindparam("jti"))
_digest = bindparam("digest", type_=LargeBinary)
_add_replay = (
    insert(replays)
    .from_select(
        ["digest", "expires_at"],
        select(_digest, bindparam("expires_at", type_=UtcDateTime)).where(
            ~exists().where(replays.c.digest == _digest)
        ),
    )
    .execution_options(preserve_rowcount=True)
)


def revoke(connection: Connection, *, jti: str, expires_at: datetime) -> None:
    """Insert, unless it is there: revoking twice is revoking (RFC 7009 §2.2)."""
    if not is_revoked(connection, jti):
        connection.execute(insert(revoked_tokens), {"jti": jti, "expires_at": expires_at})


def is_revoked(connection: Connection, jti: str) -> bool:
    """Whether the access token of this id was ended before its time."""
    return connection.execute(_revoked, {"jti": jti}).first() is not None


def add_replay(connection: Connection, *, digest: bytes, expires_at: datetime) -> bool:
    """Insert, unless it is there; whether it was not.

    `IntegrityError` where another transaction adds the same at the same instant, which SQLite,
    having one writer, does not know.
    """
    done = connection.execute(_add_replay, {"digest": digest, "expires_at": expires_at})
    return done.rowcount == 1


def newest_key_created(connection: Connection) -> datetime | None:
    """When the newest key was made."""
    newest: datetime | None = connection.execute(
        select(func.max(signing_keys.c.created_at))
    ).scalar_one()
    return newest


def published_keys(connection: Connection, *, now: datetime) -> list[SigningKey]:
    """Keys that may still have signed something valid, oldest first."""
    statement = (
        select(signing_keys)
        .where(or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > now))
        .order_by(signing_keys.c.activates_at, signing_keys.c.kid)
    )
    return [SigningKey(*row) for row in connection.execute(statement)]


def add_key(connection: Connection, key: SigningKey) -> None:
    """Insert."""
    connection.execute(
        insert(signing_keys), {name: getattr(key, name) for name in SigningKey.__slots__}
    )


def expire_other_keys(connection: Connection, *, kid: str, at: datetime) -> None:
    """All keys but `kid` are unpublished at that moment, unless they are sooner."""
    statement = (
        update(signing_keys)
        .where(
            signing_keys.c.kid != kid,
            or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > at),
        )
        .values(expires_at=at)
    )
    connection.execute(statement)


def expire_key(connection: Connection, *, kid: str, at: datetime) -> None:
    """Unpublish one key at that moment."""
    connection.execute(update(signing_keys).where(signing_keys.c.kid == kid).values(expires_at=at))
