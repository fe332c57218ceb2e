"""What the guide to scaling says of tables: each is in it, and is sharded by columns it has."""

from __future__ import annotations

import re

import pytest

from tests.docs.conftest import ROOT
from vestibule.storage.metadata import metadata

GUIDE = ROOT / "docs" / "src" / "content" / "docs" / "scaling.md"
HEADING = "## How each table would be sharded"
NAME = re.compile(r"`(\w+)`")


def sharded() -> list[tuple[str, list[str]]]:
    """Each table that the guide names, and the columns that it says it would be sharded by."""
    section = GUIDE.read_text().partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return [
        (table, NAME.findall(by)) for _, tables, by, *_ in rows for table in NAME.findall(tables)
    ]


def test_every_table_is_in_the_guide_and_once() -> None:
    assert sorted(table for table, _ in sharded()) == sorted(metadata.tables)


@pytest.mark.parametrize(("table", "by"), sharded(), ids=[table for table, _ in sharded()])
def test_a_table_has_the_columns_that_it_would_be_sharded_by(table: str, by: list[str]) -> None:
    assert set(by) <= set(metadata.tables[table].columns.keys())
