"""`vestibule user import`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vestibule.cli.output import AsJson, err, fail, print_json, run
from vestibule.cli.progress import shown
from vestibule.users.importfile import UnknownFormat, open_rows
from vestibule.wiring import Services

if TYPE_CHECKING:
    from vestibule.users.importing import Refusal, Summary


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or JSON Lines, by its ending, also with .gz.", exists=True, dir_okay=False
        ),
    ],
    refused: Annotated[
        Path | None,
        typer.Option(help="File for the refused lines, as JSON Lines.", dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create accounts from a file, with their password hashes; can be run again at will.

    Columns: username, email_address, first_name, last_name, password_hash or password,
    is_active, email_verified, organizations (keys, in CSV separated by semicolons, each with
    :ROLE where it is not member), default_organization. Refused lines are told on standard
    error unless a file is named for them.
    """
    from vestibule.users.importing import Importer

    async def work(services: Services) -> Summary:
        importer = Importer(
            database=services.database,
            users=services.users,
            organizations=services.organizations,
            passwords=services.passwords,
            at_once=services.settings.hash_threads,
        )
        with (
            open_rows(file) as rows,
            _refusals(refused, as_json=as_json) as refuse,
            shown("Importing", counted="created", as_json=as_json) as tell,
        ):

            def progress(summary: Summary) -> None:
                tell({**asdict(summary), "bytes": rows.position, "of_bytes": rows.size})

            return await importer.run(rows, refused=refuse, progress=progress)

    try:
        summary = run(work)
    except UnknownFormat as error:
        fail(str(error))
    if as_json:
        print_json(asdict(summary))
    else:
        typer.echo(
            f"{summary.created:,} created, {summary.unchanged:,} there already, "
            f"{summary.refused:,} refused"
        )
    if summary.refused:
        raise typer.Exit(1)


@contextmanager
def _refusals(file: Path | None, *, as_json: bool) -> Iterator[Callable[[Refusal], None]]:
    if file is None:
        yield _print_as_json if as_json else _print
        return
    with file.open("w", encoding="utf-8") as out:
        yield lambda refusal: print(json.dumps(asdict(refusal)), file=out)


def _print(refusal: Refusal) -> None:
    err.print(f"line {refusal.line}: {refusal.reason}", markup=False)


def _print_as_json(refusal: Refusal) -> None:
    err.print_json(data=asdict(refusal), indent=None)
