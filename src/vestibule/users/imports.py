"""Imports that an administrator begins in a browser, and that go on while they look away."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from vestibule import logs
from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import Conflict, DatabaseUnavailable, NotFound, ValidationFailed
from vestibule.ids import new_id
from vestibule.storage.database import Database
from vestibule.users import import_jobs
from vestibule.users.import_jobs import ImportJob
from vestibule.users.importfile import Rows, UnknownFormat, rows_of
from vestibule.users.importing import Importer, Refusal, Summary

BEAT = 1.0
"""Seconds between two signs of life."""
SILENT = timedelta(seconds=60)
"""After so long without one, the instance that ran it is gone."""
TRIES = 5
"""To write how it ended."""
MOST = 2 * 1024**3
"""Bytes of a file when it is unpacked."""
MAX_REFUSALS = 100
"""That are kept: the file of all of them is for the command line."""
RECENT = 10


class Imports:
    """Runs imports, one at a time in an instance, and tells how far they are.

    Every method raises `AccessForbidden` for whoever does not administer the service.
    """

    def __init__(
        self, *, importer: Importer, database: Database, audit: Audit, clock: Clock
    ) -> None:
        self._importer = importer
        self._database = database
        self._acts = Acts(audit)
        self._clock = clock
        self._running: asyncio.Task[None] | None = None
        self._is_busy = False
        self._log = logs.get("import")

    async def require(self, caller: Caller) -> None:
        """Let nobody else send a file at all."""
        await self._acts.require(caller)

    async def begin(self, caller: Caller, file: BinaryIO, *, name: str, size: int) -> UUID:
        """Import the rows of a file, which is closed at the end; the id of the import.

        `size` in bytes. Raises `ValidationFailed` for a name that tells no format, and `Conflict`
        while another import runs here.
        """
        async with self._acts.act(caller, "users_import") as attempt:
            if self._is_busy:
                raise Conflict("Another import is under way: wait for its end", cause="importing")
            try:
                rows = rows_of(file, name=Path(name), size=size, most=MOST)
            except UnknownFormat as error:
                raise ValidationFailed.of("file", str(error)) from None
            self._is_busy = True
            now = utc(self._clock)
            job = ImportJob(
                id=new_id(),
                file_name=name[:200],
                file_size=size,
                started_by=caller.user_id,
                started_at=now,
                seen_at=now,
                ended_at=None,
                position=0,
                created=0,
                unchanged=0,
                refused=0,
                refusals=[],
                failure=None,
            )
            attempt.target = str(job.id)
            try:
                await self._acts.audit.succeeded(
                    attempt, status=202, work=lambda c: import_jobs.add(c, job)
                )
            except BaseException:
                self._is_busy = False
                raise
        self._running = asyncio.create_task(self._run(_Progress(job, rows), file))
        # Only what has begun can say that it was stopped.
        await asyncio.sleep(0)
        return job.id

    async def get(self, caller: Caller, job_id: UUID) -> ImportJob:
        """How far it is. Raises `NotFound`."""
        await self._acts.require(caller)
        job = await self._database.read(lambda c: import_jobs.by_id(c, job_id))
        if job is None:
            raise NotFound("Import not found", cause="import_unknown")
        return job

    async def recent(self, caller: Caller) -> list[ImportJob]:
        """Those that began last, newest first."""
        await self._acts.require(caller)
        return await self._database.read(lambda c: import_jobs.latest(c, limit=RECENT))

    def is_lost(self, job: ImportJob) -> bool:
        """Whether the instance that ran it is gone: the same file can be sent again."""
        return job.ended_at is None and utc(self._clock) - job.seen_at > SILENT

    async def close(self) -> None:
        """Stop what runs; what was committed stays."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self, progress: _Progress, file: BinaryIO) -> None:
        work = asyncio.create_task(
            self._importer.run(progress.rows, refused=progress.refuse, progress=progress.advance)
        )
        failure: str | None = "stopped"
        try:
            while not (await asyncio.wait([work], timeout=BEAT))[0]:
                await self._write(replace(progress.job, seen_at=utc(self._clock)))
            failure = self._failure_of(work)
        finally:
            work.cancel()
            await asyncio.wait([work])
            self._is_busy = False
            file.close()
            job = replace(progress.job, ended_at=utc(self._clock), failure=failure)
            self._log.info("import ended", created=job.created, refused=job.refused, why=failure)
            for _ in range(TRIES):
                if await self._write(job):
                    break
                await self._clock.sleep(BEAT)

    def _failure_of(self, work: asyncio.Task[Summary]) -> str | None:
        error = work.exception()
        if error is None:
            return None
        if isinstance(error, UnknownFormat):
            return str(error)
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        # Its text could hold what stood in the file.
        self._log.error("import failed", error=type(error).__name__, place=place)
        return "defect"

    async def _write(self, job: ImportJob) -> bool:
        """Whether the database took it: a sign of life that got lost ends nothing."""
        try:
            await self._database.write_one(lambda c: import_jobs.replace(c, job))
        except DatabaseUnavailable:
            self._log.warning("progress of an import not written")
            return False
        return True


class _Progress:
    """What an import has said so far."""

    def __init__(self, job: ImportJob, rows: Rows) -> None:
        self.job = job
        self.rows = rows
        self._refusals: list[dict[str, object]] = []

    def refuse(self, refusal: Refusal) -> None:
        if len(self._refusals) < MAX_REFUSALS:
            self._refusals.append(asdict(refusal))

    def advance(self, summary: Summary) -> None:
        self.job = replace(
            self.job,
            **asdict(summary),
            position=self.rows.position,
            refusals=list(self._refusals),
        )
