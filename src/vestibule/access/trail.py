"""The trail, for administrators of the service."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import fields
from typing import Any, Literal
from uuid import UUID

from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.models import AuditEvent, Wanted
from vestibule.audit.service import Audit

Format = Literal["csv", "jsonl"]

AT_ONCE = 1000
"""Rows that an export holds in memory."""
COLUMNS = [field.name for field in fields(AuditEvent)]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


class Trail:
    """Looks through the trail and takes it out. Raises `AccessForbidden` for everybody else."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._acts = Acts(audit)

    async def search(
        self, caller: Caller, wanted: Wanted, *, before: UUID | None, limit: int
    ) -> tuple[list[AuditEvent], UUID | None]:
        """See `Audit.search`."""
        await self._acts.require(caller)
        return await self._audit.search(wanted, before=before, limit=limit)

    async def export(self, caller: Caller, wanted: Wanted, form: Format) -> AsyncIterator[bytes]:
        """All that is wanted, newest first, in pieces of whole lines; that it was is in the trail.

        CSV (RFC 4180) with a header, or JSON Lines.
        """
        async with self._acts.act(caller, "audit_export") as attempt:
            await self._audit.record(self._acts.done(attempt))
        return self._lines(wanted, _csv if form == "csv" else _json_lines)

    async def _lines(
        self, wanted: Wanted, write: Callable[[list[AuditEvent], Sequence[str]], bytes]
    ) -> AsyncIterator[bytes]:
        before, is_first = None, True
        while is_first or before is not None:
            found, before = await self._audit.search(wanted, before=before, limit=AT_ONCE)
            if found or is_first:
                yield write(found, COLUMNS if is_first else ())
            is_first = False


def _csv(events: list[AuditEvent], header: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([_cell(value) for value in _row(event).values()] for event in events)
    return text.getvalue().encode()


def _json_lines(events: list[AuditEvent], _header: Sequence[str]) -> bytes:
    lines = (json.dumps(_row(event), ensure_ascii=False) + "\n" for event in events)
    return "".join(lines).encode()


def _row(event: AuditEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in COLUMNS}
    values["occurred_at"] = event.occurred_at.isoformat()
    values["result"] = event.result.value
    return {name: str(v) if isinstance(v, UUID) else v for name, v in values.items()}


def _cell(value: Any) -> Any:
    # What strangers sent may stand in it, and whoever opens it trusts us.
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
