"""How the trail is forgotten: by rows, or by whole months where the database keeps it so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule import logs
from vestibule.audit import partitions, repository
from vestibule.storage.database import Database

Step = Callable[[Connection], int]


class Retention:
    """Makes room ahead, and forgets what is old. What it does is done a little at a time."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._log = logs.get("audit")

    async def make_room(self, *, now: datetime) -> int:
        """Make one month that is lacking, where there are months; how many were made."""
        try:
            return await self._alter(partial(partitions.make_next, now=now))
        except IntegrityError:
            # Rows of that month came before it: they stay where every row finds a place.
            self._log.warning("a month of the trail stays in the default partition")
            return 0

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Forget some of what was written before that moment; how many rows, or months.

        At most `limit` rows are deleted. A month goes as a whole, once all of it is so old.
        """
        if await self._database.read(partitions.are_kept):
            for step in (partitions.detach_next, partitions.drop_next):
                if done := await self._alter(partial(step, before=before)):
                    return done
            of_no_month = await self._database.read(partitions.in_no_month)
        else:
            of_no_month = ["audit_events"]
        for table in of_no_month:
            step = partial(repository.forget, before=before, limit=limit, table=table)
            if done := await self._database.write(step):
                return done
        return 0

    async def _alter(self, step: Step) -> int:
        # Its locks, not what it has read, keep others away.
        def unit(connection: Connection) -> int:
            return step(connection) if partitions.are_kept(connection) else 0

        return await self._database.write(unit, isolation="READ COMMITTED")
