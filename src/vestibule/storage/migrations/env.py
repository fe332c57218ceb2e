"""Alembic's environment: one transaction for all, under the write lock from its first word."""

from __future__ import annotations

from alembic import context

from vestibule.storage.database import create_embedded_engine
from vestibule.storage.metadata import metadata

config = context.config


def run() -> None:
    """Run what was asked for on the database of `config.attributes["url"]`."""
    engine = create_embedded_engine(config.attributes["url"], busy_timeout=60)
    with engine.begin() as connection:
        # The engine says BEGIN IMMEDIATE: a second process waits here, then finds nothing to do.
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_server_default=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
