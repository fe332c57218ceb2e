"""What readiness looks at."""

from __future__ import annotations

from sqlalchemy import Connection, text

from vestibule.state.service import SharedState
from vestibule.status.readiness import Check
from vestibule.storage import schema
from vestibule.storage.database import Database
from vestibule.tokens.keys import KeyRing

ANYTHING = text("SELECT 1")
VERSION = text("SELECT version_num FROM alembic_version")


def checks(*, database: Database, keys: KeyRing, shared: SharedState) -> dict[str, Check]:
    """The checks by the name that a failing one is told by."""

    async def answers() -> bool:
        await database.read(lambda c: c.execute(ANYTHING).scalar_one())
        return True

    async def is_migrated() -> bool:
        version = await database.read(_version)
        return not schema.is_behind(version)

    async def can_sign() -> bool:
        await keys.signer()
        return True

    async def can_count() -> bool:
        return shared.status().ready

    return {
        "database": answers,
        "migrations": is_migrated,
        "signing_keys": can_sign,
        "shared_state": can_count,
    }


def _version(connection: Connection) -> str | None:
    return connection.execute(VERSION).scalar_one_or_none()
