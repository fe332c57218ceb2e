"""Alembic's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic import context
from sqlalchemy import Connection

from vestibule.storage import schema, upgrading
from vestibule.storage.metadata import metadata
from vestibule.storage.opening import PATIENCE, run_once

config = context.config


def migrate(connection: Connection) -> None:
    """Run what was asked for, unless a newer program was here: its tables serve this one too."""
    upgrading.wait_until_alone(connection)
    if (upgrading.version(connection) or "") <= schema.HEAD:
        upgrading.give_way(connection, _run)


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_server_default=_default_differs,
        transaction_per_migration=connection.dialect.name == "postgresql",
        include_name=_is_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(name: str | None, kind: str, _parents: Mapping[Any, Any]) -> bool:
    """Whether it is to be compared with the code.

    Partitions come and go by themselves, and how names begin is looked up by PostgreSQL's own kind
    of index (migration 0006).
    """
    if kind == "index":
        return not (name or "").endswith("_bytes")
    return not (kind == "table" and (name or "").startswith("audit_events_"))


def _default_differs(
    _context: Any, _found: Any, _ours: Any, found: str | None, _: Any, ours: str | None
) -> bool | None:
    """Compare texts where Alembic would ask PostgreSQL, which can't compare JSON; else leave it."""
    if found and found.endswith("::json"):
        return found.removesuffix("::json").strip("'") != (ours or "").strip("'")
    return None


run_once(config.attributes["url"], migrate, patience=PATIENCE)
