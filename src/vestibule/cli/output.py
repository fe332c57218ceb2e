"""What commands print: tables for people, JSON for programs, errors on standard error."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vestibule.errors import ApiError
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.wiring import Services, running

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def load_settings() -> Settings:
    """The settings of the environment; where they are wrong, say which and end with 2."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors(include_input=False, include_context=False):
            name = "_".join(str(part) for part in item["loc"][:1]).upper()
            err.print(f"[red]VESTIBULE_{escape(name)}[/]: {escape(item['msg'])}")
        raise typer.Exit(2) from None


def run(work: Callable[[Services], Awaitable[T]]) -> T:
    """Run a command on a migrated database; our errors become a sentence and exit code 1."""
    settings = load_settings()

    async def go() -> T:
        await schema.upgrade_where_behind(settings.sqlalchemy_url)
        async with running(settings) as services:
            return await work(services)

    try:
        return asyncio.run(go())
    except ApiError as error:
        fail(error.detail)


def fail(message: str) -> NoReturn:
    """Say why on standard error and end with 1."""
    err.print(f"[red]{escape(message)}[/]")
    raise typer.Exit(1)


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


def ask_password() -> SecretStr:
    """A password from a prompt, twice, or from the first line of standard input.

    Never from an argument: those stand in the shell's history and in the process list.
    """
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset | set | list | tuple):
        return " ".join(sorted(str(item) for item in value))
    return str(value)
