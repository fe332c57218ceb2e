"""The database of a URL."""

from __future__ import annotations

import asyncio

from vestibule.settings import Settings
from vestibule.storage.database import Database, T, Work, is_embedded
from vestibule.storage.embedded import BUSY_TIMEOUT, EmbeddedDatabase, create_embedded_engine

PATIENCE = 60.0
"""Seconds that upkeep waits for another process, or for a connection."""


def open_database(settings: Settings) -> Database:
    """The database that the settings name. Raises `ValueError` for a URL of no known one."""
    url = settings.sqlalchemy_url
    if is_embedded(url):
        return EmbeddedDatabase(url, busy_timeout=settings.database_timeout)
    from vestibule.storage.postgres import PostgresDatabase

    replica = settings.database_replica_url
    return PostgresDatabase(
        url,
        replica_url=replica.get_secret_value() if replica else None,
        pool_size=settings.database_pool,
        timeout=settings.database_timeout,
        prepare=settings.database_prepare,
    )


def run_once(url: str, work: Work[T], *, patience: float = BUSY_TIMEOUT) -> T:
    """Run a unit in a transaction, on a connection that is made for it alone.

    For upkeep, outside of any event loop. `patience` in seconds. Raises what the driver raises.
    """
    if is_embedded(url):
        engine = create_embedded_engine(url, busy_timeout=patience)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()
    from vestibule.storage.connecting import connected

    return asyncio.run(connected(url, work, patience=patience))
