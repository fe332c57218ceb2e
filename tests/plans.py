"""How a database would find what a statement asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from tests.statements import Statement


def looked_through(connection: Connection, statements: list[Statement]) -> set[tuple[str, str]]:
    """Each table that has to be read from end to end, and the statement that makes it so.

    On PostgreSQL where no index would do, however small the table is at present.
    """
    embedded = connection.dialect.name == "sqlite"
    if not embedded:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    found = set()
    for statement, values in statements:
        if embedded:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            scans = [row[3].split()[1] for row in rows if row[3].startswith("SCAN")]
        else:
            told = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
            scans = list(_scans(_read(told.scalar_one())))
        found |= {(table, statement) for table in scans}
    return found


def _read(told: Any) -> Any:
    return json.loads(told) if isinstance(told, str) else told


def _scans(plan: Any) -> Iterator[str]:
    match plan:
        case list():
            for part in plan:
                yield from _scans(part)
        case dict():
            if plan.get("Node Type") == "Seq Scan":
                yield plan["Relation Name"]
            for part in (plan.get("Plan"), plan.get("Plans")):
                yield from _scans(part)
