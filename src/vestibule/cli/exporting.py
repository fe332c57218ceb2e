"""`vestibule user export`."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, BinaryIO

import typer

from vestibule.cli.output import AsJson, err, fail, print_json, run
from vestibule.cli.progress import shown
from vestibule.users.importfile import split_suffixes
from vestibule.wiring import Services


def export(
    file: Annotated[
        Path,
        typer.Argument(help="File to write: .jsonl or .jsonl.gz; - for standard output."),
    ],
    without_passwords: Annotated[
        bool, typer.Option("--without-passwords", help="Leave the hashes out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write all accounts as JSON Lines that `user import` takes, with their password hashes.

    They are as they stood at one moment. The file is the owner's alone, and takes its place once
    it is whole.
    """
    from vestibule.users import exporting

    to_output = str(file) == "-"
    if not to_output and split_suffixes(file)[0] not in (".jsonl", ".ndjson"):
        fail("The file must end in .jsonl, .ndjson, .jsonl.gz or .ndjson.gz, or be -", code=2)

    async def work(services: Services) -> int:
        with shown("Exporting", counted="exported", as_json=as_json) as tell, _writing(file) as out:
            return await exporting.export(
                services.database.url,
                take=out.write,
                progress=lambda count: tell({"exported": count}),
                with_passwords=not without_passwords,
            )

    try:
        count = run(work)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"Nothing was exported: {error.strerror}")
    if to_output:
        err.print(f"{count:,} exported")
    elif as_json:
        print_json({"exported": count})
    else:
        typer.echo(f"{count:,} exported")


@contextmanager
def _writing(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # A name that nobody can foresee, readable by nobody else from the first byte on.
    descriptor, name = mkstemp(dir=file.parent, prefix=f".{file.name}.")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            if split_suffixes(file)[1]:
                with gzip.GzipFile(fileobj=out, mode="wb", filename="", compresslevel=6) as packed:
                    yield packed  # type: ignore[misc]  # it is one but for its name
            else:
                yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
