"""Keeping the trail: written before the answer where a credential was decided on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Select

from vestibule import logs
from vestibule.audit import repository
from vestibule.audit.models import AuditEvent, Result, Wanted, audit_events
from vestibule.audit.strangers import Strangers
from vestibule.clock import Clock, utc
from vestibule.errors import (
    ApiError,
    AuthorizationPending,
    ErrorType,
    InvalidDpopProof,
    InvalidGrant,
    RateLimited,
    SlowDown,
)
from vestibule.ids import floor_id, new_id
from vestibule.metrics.service import NO_ERROR, Metrics
from vestibule.storage.database import Database
from vestibule.storage.together import Row, Together, together

T = TypeVar("T")

MAX_PENDING = 10_000
"""Rows that wait to be written; more than these are counted in the log only. Strangers get fewer
in two minutes, so they never crowd out what was decided on an account."""

BATCH = 200
"""Rows in one round trip: no more than the driver sends at once."""
MAX_TARGET = 100
"""Characters."""

LOOK_THROUGH = 20_000
"""Rows that one page of a search looks at: some hundredths of a second."""
LAST_ID = UUID(int=2**128 - 1)


LOGIN, TOKEN = "login", "token"
"""Events in which somebody signs in with a password."""

JUDGED = (InvalidGrant, InvalidDpopProof)
"""What says no to a credential with the status that RFC 6749 has for it, 400."""


@dataclass(slots=True)
class Attempt:
    """What is known of one sign-in so far; the service fills it in along the road."""

    event: str
    address: str
    network: str
    request_id: str
    user_id: UUID | None = None
    identifier_digest: str | None = None
    client_id: str | None = None
    org_id: UUID | None = None
    target: str | None = None


class Audit:
    """The trail of sign-ins."""

    def __init__(
        self, *, database: Database, clock: Clock, digest_key: bytes, metrics: Metrics
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._digest_key = digest_key
        self._strangers = Strangers(clock=clock)
        self._pending: list[AuditEvent] = []
        self._dropped = 0
        self._flushing: asyncio.Task[None] | None = None
        self._log = logs.get("audit")

    def digest(self, identifier: str) -> str:
        """A keyed digest of a typed name: the same name gives the same 16 characters."""
        return hashlib.blake2b(
            identifier.encode("utf-8", "surrogatepass"), key=self._digest_key, digest_size=8
        ).hexdigest()

    def event(self, attempt: Attempt, *, result: Result, cause: str, status: int) -> AuditEvent:
        """The row of an attempt that has ended."""
        return AuditEvent(
            id=new_id(),
            occurred_at=utc(self._clock),
            event=attempt.event,
            result=result,
            cause=cause,
            status=status,
            user_id=attempt.user_id,
            identifier_digest=attempt.identifier_digest,
            client_id=attempt.client_id,
            org_id=attempt.org_id,
            address=attempt.address,
            network=attempt.network,
            request_id=attempt.request_id,
            target=attempt.target and attempt.target[:MAX_TARGET],
        )

    @asynccontextmanager
    async def following(self, attempt: Attempt) -> AsyncIterator[None]:
        """Record how the attempt ends, if that is an error; success writes its own row.

        What was told of a credential is committed before it is told; a refusal at the door,
        which costs its sender nothing, is written soon.
        """
        try:
            yield
        except (AuthorizationPending, SlowDown):
            raise  # a device waits: nothing has happened yet
        except ApiError as error:
            if _is_judged(error) and (attempt.identifier_digest or attempt.user_id):
                event = self._failed(attempt, error)
                await self.record(event, error_type=error.type.value)
            else:
                self.refused(attempt, error)
            raise
        except Exception:
            event = self.event(attempt, result=Result.REFUSED, cause="defect", status=500)
            self.record_soon(event, error_type=ErrorType.INTERNAL.value)
            raise

    def refused(self, attempt: Attempt, error: ApiError) -> None:
        """Record soon that an attempt ended so."""
        if isinstance(error, RateLimited):
            self._metrics.refused(error.policy)
        self.record_soon(self._failed(attempt, error), error_type=error.type.value)

    def _failed(self, attempt: Attempt, error: ApiError) -> AuditEvent:
        result = Result.FAILURE if _is_judged(error) else Result.REFUSED
        return self.event(attempt, result=result, cause=error.cause, status=error.status)

    def log(self, event: AuditEvent, *, error_type: str = NO_ERROR) -> None:
        """The event's log line, and its place in the metrics."""
        self._count(event, error_type)
        self._log.info(
            event.event,
            result=event.result.value,
            cause=event.cause,
            status=event.status,
            user_id=event.user_id and str(event.user_id),
            identifier_digest=event.identifier_digest,
            client_id=event.client_id,
            org_id=event.org_id and str(event.org_id),
            address=event.address,
            request_id=event.request_id,
            target=event.target,
        )

    def add(self, connection: Connection, event: AuditEvent) -> None:
        """Write the row within a unit of work that is under way."""
        repository.add(connection, [event])

    async def succeeded(
        self,
        attempt: Attempt,
        *,
        cause: str = "done",
        status: int,
        work: Callable[[Connection], T],
    ) -> T:
        """Write what the work writes, and that it succeeded, in one commit; then log it.

        Returns what the work returns. It may still fill in the attempt.
        """
        events: list[AuditEvent] = []

        def unit(connection: Connection) -> T:
            result = work(connection)
            event = self.event(attempt, result=Result.SUCCESS, cause=cause, status=status)
            self.add(connection, event)
            events[:] = [event]  # a unit may be run again
            return result

        result = await self._database.write(unit)
        for event in events:
            self.log(event)
        return result

    async def began(
        self,
        attempt: Attempt,
        *,
        row: Row,
        provided: Select[Any],
        values: Mapping[str, Any],
        cause: str,
        status: int,
    ) -> bool:
        """Write a row, and that it succeeded, where `provided` finds something; then log it.

        Returns whether it did. This is the commit of a login: on PostgreSQL one round trip.
        """
        event = self.event(attempt, result=Result.SUCCESS, cause=cause, status=status)
        rows = [row, (audit_events, repository.row(event))]
        written = await self._database.write_together(
            together(tuple(table for table, _ in rows), provided), Together.values(rows, values)
        )
        if written:
            self.log(event)
        return written

    async def record(self, event: AuditEvent, *, error_type: str = NO_ERROR) -> None:
        """Log and write; returns once that is committed."""
        self.log(event, error_type=error_type)
        await self._database.write_one(lambda c: repository.add(c, [event]))

    def record_soon(self, event: AuditEvent, *, error_type: str = NO_ERROR) -> None:
        """Log now and write with the next batch: a refusal must cost nearly nothing.

        Of what concerns no account so many rows are written in a minute; the rest is in the log
        alone, or anybody could fill the disk.
        """
        self.log(event, error_type=error_type)
        self._tell_left_out()
        stranger = event.user_id is None and event.result is not Result.SUCCESS
        kind = f"{event.event} {event.cause}"
        if stranger and not self._strangers.admit(event.network, kind=kind):
            self._metrics.left_out("strangers", 1)
            return
        if len(self._pending) >= MAX_PENDING:
            self._dropped += 1
            self._metrics.left_out("full", 1)
            return
        self._pending.append(event)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._write_pending())

    async def flush(self) -> None:
        """Write what waits, and return once that is committed.

        Rows that the database refuses stay in the log alone.
        """
        if self._flushing is not None:
            await self._flushing
        await self._write_pending()

    async def _write_pending(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:BATCH], self._pending[BATCH:]
            try:
                await self._database.write_one(partial(repository.add, events=batch))
            except Exception as error:
                self._log.error("audit rows not written", count=len(batch), error=str(error))
                self._metrics.left_out("database", len(batch))
        if self._dropped:
            self._log.error("audit rows not written", count=self._dropped, error="too many")
            self._dropped = 0
        self._tell_left_out()

    async def latest(self, *, limit: int, after: UUID | None = None) -> list[AuditEvent]:
        """The newest events, oldest of them first; with `after`, the next behind that one."""
        return await self._database.scan(lambda c: repository.latest(c, limit=limit, after=after))

    async def search(
        self, wanted: Wanted, *, before: UUID | None = None, limit: int = 50
    ) -> tuple[list[AuditEvent], UUID | None]:
        """Events that are wanted, newest first, and what the next page is before.

        One page looks at so many rows and no more: it may hold few of them, or none, and still
        say that there may be more behind it. None stands for the end of the trail.
        """
        start = before or (floor_id(wanted.until) if wanted.until else LAST_ID)
        found, edge = await self._database.scan(
            lambda c: repository.look_through(
                c,
                wanted,
                before=start,
                rows=LOOK_THROUGH if wanted.is_filtered else None,
                limit=limit + 1,
            )
        )
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        return found, edge

    async def of_user(self, user_id: UUID, *, before: UUID | None, limit: int) -> list[AuditEvent]:
        """A page of what happened on an account, newest first, behind `before`."""
        return await self._database.scan(
            lambda c: repository.of_user(c, user_id=user_id, before=before, limit=limit)
        )

    async def has_signed_in_from(self, *, user_id: UUID, network: str) -> bool:
        """Whether this user has signed in from this network before."""
        return await self._database.read(
            lambda c: repository.has_signed_in_from(c, user_id=user_id, network=network)
        )

    def _count(self, event: AuditEvent, error_type: str) -> None:
        result = event.result.value
        self._metrics.event(event=event.event, result=result, cause=event.cause)
        # At the token endpoint it is a login where a name and a password were looked at.
        if event.event == LOGIN or (event.event == TOKEN and event.identifier_digest is not None):
            self._metrics.login(result=result, type=error_type, cause=event.cause)

    def _tell_left_out(self) -> None:
        left_out = self._strangers.turn()
        if left_out:
            self._log.warning("audit rows left out", count=left_out, error="too many of strangers")


def _is_judged(error: ApiError) -> bool:
    """Whether it was a credential that was decided on."""
    return error.status in (401, 403, 404) or isinstance(error, JUDGED)
