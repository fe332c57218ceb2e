"""A copy of the embedded database while it is used, and the way back.

Both go by SQLite's online backup: the copy is of one moment, holds all that was committed before
it was begun, and stops no writer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from vestibule.storage import schema
from vestibule.storage.database import is_embedded

PATIENCE = 10.0
"""Seconds to wait for others who hold a lock."""


class BackupError(Exception):
    """What stands against it, in a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied."""

    version: str
    """Of the tables."""
    size: int
    """Bytes."""


def file_of(url: str) -> Path:
    """The file of an embedded database. Raises `BackupError` for another one."""
    if not is_embedded(url):
        raise BackupError("PostgreSQL is backed up by pg_dump or pg_basebackup")
    return Path(make_url(url).database or "")


def back_up(source: Path, target: Path) -> Copied:
    """Copy the database into a new file, which is the owner's alone and checked.

    The file has its name once it is whole and on the disk. Raises `BackupError` where the target
    exists, and where the database is not there or damaged.
    """
    if not source.is_file():
        raise BackupError(f"there is no database at {source}")
    if target.exists():
        raise BackupError(f"{target} exists already")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with _said(target):
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(_open(source)) as read, closing(_open(unfinished)) as written:
                # All pages in one step: in several it would begin again at every write.
                read.backup(written)
                written.execute("PRAGMA journal_mode=DELETE")
                version = _checked(written)
            _flush(unfinished)
            # Unlike a rename this does not replace what came there meanwhile.
            os.link(unfinished, target)
            _flush(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    return Copied(version=version, size=target.stat().st_size)


def restore(source: Path, target: Path, *, replace: bool) -> Copied:
    """Put a copy in the place of the database, all of it or, if it fails, nothing.

    Raises `BackupError` where the copy is none or damaged or of a newer program, where the
    database is in use, and where there is one already, unless it is to be replaced.
    """
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    if target.exists() and source.samefile(target):
        raise BackupError("a file can't be restored to itself")
    with _said(source), closing(_open(source, only_read=True)) as copy:
        version = _checked(copy)
        if version > schema.HEAD:
            raise BackupError(f"it is of version {version}, newer than this program's")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.exists():
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(_open(target)) as database:
            if not replace and _has_tables(database):
                raise BackupError(f"there is a database at {target}")
            _require_unused(database, target)
            copy.backup(database)
            _checked(database)
    return Copied(version=version, size=target.stat().st_size)


def _open(path: Path, *, only_read: bool = False) -> sqlite3.Connection:
    # Immutable: a copy may lie where nothing can be written, and nobody writes to it.
    mode = "mode=ro&immutable=1" if only_read else "mode=rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=PATIENCE, isolation_level=None
    )


def _has_tables(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _require_unused(database: sqlite3.Connection, path: Path) -> None:
    """Raise unless this is the only connection: only then can it leave the mode that all share."""
    database.execute("PRAGMA busy_timeout=0")
    try:
        database.execute("PRAGMA journal_mode=DELETE").fetchone()
        database.execute("BEGIN EXCLUSIVE")
        database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise BackupError(f"{path} is in use: stop the service first") from error


def _checked(database: sqlite3.Connection) -> str:
    """The version of its tables. Raises `BackupError` where it is damaged or not one of ours."""
    found = [row[0] for row in database.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise BackupError("it is damaged")
    row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise BackupError("it is no database of Vestibule's")
    return str(row[0])


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{path}: {error}") from error
