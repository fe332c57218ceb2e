"""How the trail is forgotten: by rows, or by whole months where the database keeps it so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from vestibule import logs
from vestibule.audit import partitions, repository
from vestibule.storage.database import Database

T = TypeVar("T")


class Retention:
    """Makes room ahead, and forgets what is old. What it does is done a little at a time."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._log = logs.get("audit")

    async def make_room(self, *, now: datetime) -> int:
        """Make one month that is lacking, where there are months; how many were made."""
        made = await self._alter(partial(partitions.make_next, now=now))
        if made.passed_over and not made.months:  # the last step of a round: said once
            self._log.warning(
                "months of the trail stay in the default partition", months=made.passed_over
            )
        return made.months

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

    async def _alter(self, step: Callable[[Connection], T]) -> T:
        # Its locks, not what it has read, keep others away.
        return await self._database.write(step, isolation="READ COMMITTED")
