"""What the guide to scaling says of tables: each is in it, and is sharded by columns it has."""

from __future__ import annotations

import pytest

from tests.docs.sharding import Sharded, sharded
from vestibule.storage.metadata import metadata


def test_every_table_is_in_the_guide_and_once() -> None:
    assert sorted(one.table for one in sharded()) == sorted(metadata.tables)


@pytest.mark.parametrize("one", sharded(), ids=lambda one: one.table)
def test_a_table_has_the_columns_that_it_would_be_sharded_by(one: Sharded) -> None:
    assert set(one.by) <= set(metadata.tables[one.table].columns.keys())
