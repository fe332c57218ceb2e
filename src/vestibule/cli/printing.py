"""What every command prints: tables for people, JSON for programs, errors on standard error.

It needs nothing of the server, as the commands of the extra `cli` must not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Say why on standard error and end: 1 where it was refused, 2 where it can't be asked."""
    err.print(f"[red]{escape(message)}[/]", soft_wrap=True)
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """One JSON document on standard output; identifiers and moments as text."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str], as_json: bool) -> None:
    """Rows as a table, or as a JSON array of whole objects."""
    if as_json:
        print_json(list(rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(row[column])) for column in columns))
    out.print(table)


def print_done(sentence: str, value: Mapping[str, Any], *, as_json: bool) -> None:
    """What was done: a sentence for people, the object for programs."""
    if as_json:
        print_json(value)
    else:
        out.print(escape(sentence), soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset | set | list | tuple):
        return " ".join(sorted(str(item) for item in value))
    return str(value)
