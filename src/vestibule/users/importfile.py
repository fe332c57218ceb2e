"""Import files: CSV and JSON Lines, packed or not, line by line, whatever stands in them."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

MAX_LINE = 128 * 1024
"""Bytes of one line: a user of a thousand organizations is not that long, and no file may fill
the memory."""


class UnknownFormat(Exception):
    """The file is neither CSV nor JSON Lines, or damaged; says where."""


class Unreadable(Exception):
    """A line that is no row; says why without its content."""


Parser = Callable[[Iterator[str]], Iterator[Any]]


class Rows:
    """(line number, fields) of a file; where a line can't be read, its fields are an exception.

    Of an empty line they are None.
    """

    def __init__(
        self, file: BinaryIO, *, packed: bool, size: int, parse: Parser, most: int | None = None
    ) -> None:
        """`most` bytes may be in it when it is unpacked."""
        self._file = file
        self._left = most
        self._text: BinaryIO | gzip.GzipFile = (
            gzip.GzipFile(fileobj=file, mode="rb") if packed else file
        )
        self._parse = parse
        self._line = 0
        self.size = size
        """Bytes of the file."""

    @property
    def position(self) -> int:
        """Bytes of the file that were read so far."""
        return self._file.tell()

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for fields in self._parse(self._lines()):
            yield self._line, fields

    def _lines(self) -> Iterator[str]:
        while raw := self._read():
            self._line += 1
            if len(raw) == MAX_LINE and not raw.endswith(b"\n"):
                self._skip_rest_of_line()
            # What is not UTF-8 becomes surrogates, which no field admits.
            yield raw.decode("utf-8-sig" if self._line == 1 else "utf-8", "surrogateescape")

    def _skip_rest_of_line(self) -> None:
        while rest := self._read():
            if rest.endswith(b"\n"):
                return

    def _read(self) -> bytes:
        try:
            raw = self._text.readline(MAX_LINE)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UnknownFormat(f"The file is damaged behind line {self._line}") from error
        if self._left is not None:
            self._left -= len(raw)
            if self._left < 0:
                raise UnknownFormat(f"The file is too large behind line {self._line}")
        return raw


@contextmanager
def open_rows(path: Path) -> Iterator[Rows]:
    """The rows of a file. Raises `UnknownFormat`, also for a CSV header that is none."""
    with path.open("rb") as file:
        yield rows_of(file, name=path, size=path.stat().st_size)


def rows_of(file: BinaryIO, *, name: Path, size: int, most: int | None = None) -> Rows:
    """The rows of a file that is open, by its name. Raises `UnknownFormat`."""
    ending, packed = split_suffixes(name)
    parse = PARSERS.get(ending)
    if parse is None:
        raise UnknownFormat(f"The file must end in one of {', '.join(PARSERS)}, or that and .gz")
    return Rows(file, packed=packed, size=size, parse=parse, most=most)


def split_suffixes(path: Path) -> tuple[str, bool]:
    """The ending that names the format, and whether the file is packed by gzip."""
    packed = path.suffix.lower() == ".gz"
    return (path.with_suffix("") if packed else path).suffix.lower(), packed


def _json_lines(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        if not line.strip():
            yield None
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        yield fields if isinstance(fields, dict) else Unreadable("not a JSON object")


def _csv(lines: Iterator[str]) -> Iterator[Any]:
    """One row a line: an unclosed quote must not swallow the lines behind it."""
    header = [name.strip() for name in _cells(next(lines, "")) or []]
    if "username" not in header:
        raise UnknownFormat("The first line must name the columns, username among them")
    for line in lines:
        values = _cells(line)
        if values is None:
            yield Unreadable("not a line of CSV")
        elif values and len(values) != len(header):
            yield Unreadable(f"{len(values)} fields where the header names {len(header)}")
        else:
            yield _named(header, values) if values else None


def _cells(line: str) -> list[str] | None:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None


def _named(header: list[str], values: list[str]) -> dict[str, Any]:
    # In CSV an empty field says nothing.
    fields: dict[str, Any] = {n: v for n, v in zip(header, values, strict=True) if v != ""}
    if "organizations" in fields:
        keys = fields["organizations"].split(";")
        fields["organizations"] = [key.strip() for key in keys if key.strip()]
    return fields


PARSERS: dict[str, Parser] = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
