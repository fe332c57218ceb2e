"""`vestibule user export`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from vestibule.cli.output import AsJson, err, print_json, run
from vestibule.wiring import Services


def export(
    file: Annotated[Path, typer.Argument(help="JSON Lines to write; - for standard output.")],
    without_passwords: Annotated[
        bool, typer.Option("--without-passwords", help="Leave the hashes out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write all accounts as JSON Lines that `user import` takes, with their password hashes.

    The file is the owner's alone, and there only once it is whole.
    """
    from rich.progress import Progress, TextColumn

    from vestibule.users.exporting import Exporter

    bar = Progress(TextColumn("Exporting {task.completed:,} users"), console=err)

    async def work(services: Services) -> int:
        count = 0
        exporter = Exporter(database=services.database)
        with bar, _writing(file) as out:
            task = bar.add_task("", total=None)
            async for page in exporter.pages(with_passwords=not without_passwords):
                out.writelines(json.dumps(fields, ensure_ascii=False) + "\n" for fields in page)
                count += len(page)
                bar.update(task, completed=count)
        return count

    count = run(work)
    if str(file) != "-":
        print_json({"exported": count}) if as_json else typer.echo(f"{count:,} exported")


@contextmanager
def _writing(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdout
        return
    part = file.with_name(f".{file.name}.part")
    # Nobody else may read it, from its first byte on.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
        except BaseException:
            part.unlink()
            raise
    part.replace(file)
