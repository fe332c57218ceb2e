"""What the guide to scaling says of how each table would be sharded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.docs.conftest import ROOT

GUIDE = ROOT / "docs" / "src" / "content" / "docs" / "scaling.md"
HEADING = "## How each table would be sharded"
COPIED = "a copy everywhere"
NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True, slots=True)
class Sharded:
    """A table that the guide names."""

    table: str
    by: tuple[str, ...]
    """Its columns."""
    copied: bool
    """Whether each shard may have all of it."""


def sharded() -> list[Sharded]:
    """All that it names, as often as it does."""
    section = GUIDE.read_text().partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return [
        Sharded(table, tuple(NAME.findall(by)), COPIED in by)
        for _, tables, by, *_ in rows
        for table in NAME.findall(tables)
    ]
