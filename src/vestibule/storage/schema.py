"""The version of the tables, and how they are brought up to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from vestibule.storage.database import is_embedded
from vestibule.storage.opening import run_once

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"
"""The newest migration. A test holds it against the files."""


class Unusable(Exception):
    """The database can't be reached, entered, read or changed; the text is the reason."""


def current(url: str) -> str | None:
    """The version of this database; None for an empty one. Raises `Unusable`."""

    def version(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(
            text("SELECT version_num FROM alembic_version")
        ).scalar_one_or_none()

    try:
        return run_once(url, version)
    except (SQLAlchemyError, OSError) as error:
        raise Unusable(str(getattr(error, "orig", error)) or type(error).__name__) from error
    except (ValueError, LookupError) as error:
        # The driver quotes the part that it could not read, which may be one of the password.
        told = str(error) if is_embedded(url) else "its URL needs percent-encoding, or is none"
        raise Unusable(told) from error


def is_behind(version: str | None) -> bool:
    """Whether a database of this version lacks what this program needs.

    Numbers grow. A newer one is fine: the next release has migrated, and keeps what this one asks
    for until every instance is the next one (the guide `migrations.md`).
    """
    return version is None or version < HEAD


def upgrade(url: str) -> None:
    """Run the migrations that are missing. Safe when several processes start at once.

    Raises `Unusable`.
    """
    from alembic import command

    if is_behind(current(url)):
        config = alembic_config(url)
        try:
            command.upgrade(config, "head")
        except (SQLAlchemyError, OSError) as error:
            raise Unusable(f"a migration failed: {error}") from error


async def upgrade_where_behind(url: str) -> None:
    """As `upgrade`, without loading the migration machinery where nothing is to do."""
    if is_behind(await asyncio.to_thread(current, url)):
        await asyncio.to_thread(upgrade, url)


def alembic_config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    return config
