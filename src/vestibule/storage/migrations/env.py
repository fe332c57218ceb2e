"""Alembic's environment: one transaction for all, alone from its first word."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from vestibule.storage.metadata import metadata
from vestibule.storage.opening import PATIENCE, run_once

config = context.config

ONE_AT_A_TIME = 0x76737462
"""Our key among PostgreSQL's advisory locks."""


def migrate(connection: Connection) -> None:
    """Run what was asked for."""
    if connection.dialect.name == "postgresql":
        # A second process waits here, then finds nothing to do. On SQLite BEGIN IMMEDIATE does it.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run_once(config.attributes["url"], migrate, patience=PATIENCE)
