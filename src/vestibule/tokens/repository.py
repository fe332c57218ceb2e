"""Which rows: signing keys and refresh tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from vestibule.tokens.models import RefreshToken, SigningKey, refresh_tokens, signing_keys

_insert_refresh = insert(refresh_tokens)
_refresh_names = tuple(RefreshToken.__slots__)


def add_refresh_token(connection: Connection, token: RefreshToken) -> None:
    """Insert."""
    connection.execute(_insert_refresh, {name: getattr(token, name) for name in _refresh_names})


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
