"""The connections of both databases, counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import Connection, text

from tests.metrics.reading import value
from vestibule.settings import Settings
from vestibule.wiring import Services

Unit = Callable[[Connection], object]


@asynccontextmanager
async def waiting_unit(url: str) -> AsyncIterator[Unit]:
    """A unit that waits in the database for as long as the block lasts."""
    if url.startswith("postgresql"):
        holder = await asyncpg.connect(url)
        await holder.execute("SELECT pg_advisory_lock(1)")
        yield lambda connection: connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        await holder.close()
    else:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        # The embedded database's writer is a thread.
        yield lambda _: asyncio.run_coroutine_threadsafe(over.wait(), loop).result(5)
        over.set()


async def test_connections_in_use_are_counted_and_units_that_wait_for_one(
    services: Services, settings: Settings
) -> None:
    size = settings.database_pool if settings.sqlalchemy_url.startswith("postgresql") else 1
    seen: list[float] = []

    async with asyncio.timeout(5), waiting_unit(settings.sqlalchemy_url) as unit:
        writes = [asyncio.create_task(services.database.write(unit)) for _ in range(size + 3)]
        while seen != [size, size, 3]:
            await asyncio.sleep(0)
            seen = [
                value(services, f"vestibule_database_pool_{what}")
                for what in ("size", "in_use", "waiting")
            ]
    await asyncio.gather(*writes)

    assert value(services, "vestibule_database_pool_in_use") == 0
    assert value(services, "vestibule_database_pool_waiting") == 0
