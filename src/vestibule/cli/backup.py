"""`vestibule backup` and `vestibule restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vestibule.cli.output import AsJson, fail, load_settings, print_done
from vestibule.storage import backup as copies
from vestibule.storage.backup import BackupError


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make.")], as_json: AsJson = False
) -> None:
    """Copy the embedded database, without the secret key, while the service runs."""
    settings = load_settings()
    try:
        copied = copies.back_up(copies.file_of(settings.sqlalchemy_url), file)
    except BackupError as error:
        fail(f"Nothing was copied: {error}")
    print_done(
        f"{file} holds the database, and not the secret key that its signing keys are sealed with.",
        {"file": file, "bytes": copied.size, "version": copied.version},
        as_json=as_json,
    )


def restore(
    file: Annotated[Path, typer.Argument(help="What `vestibule backup` made.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the database that is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a copy in the place of the embedded database; the service must be stopped."""
    settings = load_settings()
    try:
        copied = copies.restore(file, copies.file_of(settings.sqlalchemy_url), replace=force)
    except BackupError as error:
        fail(f"Nothing was restored: {error}")
    print_done(
        f"The database is that of {file}. See with `vestibule doctor` that its keys can be opened.",
        {"file": file, "bytes": copied.size, "version": copied.version},
        as_json=as_json,
    )
