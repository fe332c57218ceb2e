"""The trail, for administrators of the service."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
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
        """All that is wanted, as `exported` tells it; that it was is in the trail."""
        async with self._acts.act(caller, "audit_export") as attempt:
            await self._audit.record(self._acts.done(attempt))
        return exported(self._audit, wanted, form)


async def exported(
    audit: Audit, wanted: Wanted, form: Format, *, columns: Sequence[str] = COLUMNS
) -> AsyncIterator[bytes]:
    """All that is wanted, newest first, in pieces of whole lines.

    CSV (RFC 4180) with a header, or JSON Lines.
    """
    write = _csv if form == "csv" else _json_lines
    before, is_first = None, True
    while is_first or before is not None:
        found, before = await audit.search(wanted, before=before, limit=AT_ONCE)
        if found or is_first:
            yield write([_row(event, columns) for event in found], columns if is_first else ())
        is_first = False


def _csv(rows: list[dict[str, Any]], header: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue().encode()


def _json_lines(rows: list[dict[str, Any]], _header: Sequence[str]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _row(event: AuditEvent, columns: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in columns}
    values["occurred_at"] = event.occurred_at.isoformat()
    values["result"] = event.result.value
    return {name: str(v) if isinstance(v, UUID) else v for name, v in values.items()}


def _cell(value: Any) -> Any:
    # What strangers sent may stand in it, and whoever opens it trusts us.
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
