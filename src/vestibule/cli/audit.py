"""`vestibule audit`: the trail of sign-ins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from vestibule.audit.models import AuditEvent
from vestibule.cli.output import AsJson, print_json, print_rows, run
from vestibule.wiring import Services

app = typer.Typer(help="The trail of sign-ins.", no_args_is_help=True)

COLUMNS = ["occurred_at", "event", "result", "cause", "status", "user_id", "client_id", "address"]
EVERY = 1.0
"""Seconds between two looks for new events."""


@app.callback()
def _group() -> None:
    """The trail of sign-ins."""


@app.command()
def tail(
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many.", min=1, max=10_000)] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as they come.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the newest events, the last one at the bottom; with --json one object a line."""

    async def work(services: Services) -> None:
        events = await services.audit.latest(limit=lines)
        _print(events, as_json=as_json)
        last = events[-1].id if events else None
        while follow:
            await asyncio.sleep(EVERY)
            fresh = await services.audit.latest(limit=1000, after=last)
            if fresh:
                _print(fresh, as_json=as_json)
                last = fresh[-1].id

    with contextlib.suppress(KeyboardInterrupt):
        run(work)


def _print(events: Sequence[AuditEvent], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [asdict(event) for event in events]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        print_rows(rows, columns=COLUMNS, as_json=False)
