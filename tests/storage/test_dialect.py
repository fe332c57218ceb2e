"""What speaks PostgreSQL's protocol and isn't PostgreSQL: as far as that can be had without it."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from vestibule.storage.dialect import Dialect

COCKROACH = "CockroachDB CCL v25.4.1 (x86_64-pc-linux-gnu, built 2025/12/01 10:00:00, go1.23.12)"
YUGABYTE = "PostgreSQL 15.12-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang, 64-bit"
POSTGRES = "PostgreSQL 15.19 (Debian 15.19-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc"


def made() -> Any:
    return Dialect()  # type: ignore[no-untyped-call]  # the library's has no types


@pytest.mark.parametrize(
    ("told", "version", "is_postgresql"),
    [(COCKROACH, (13, 0), False), (YUGABYTE, (15, 12), False), (POSTGRES, (15, 19), True)],
)
def test_each_is_told_by_what_it_says_of_itself(
    told: str, version: tuple[int, ...], is_postgresql: bool
) -> None:
    dialect, connection = made(), Mock()
    connection.exec_driver_sql.return_value.scalar.return_value = told

    assert dialect._get_server_version_info(connection) == version
    assert dialect.is_postgresql is is_postgresql


async def test_a_connection_is_made_also_where_there_is_no_type_for_json() -> None:
    connection = Mock()
    connection._connection.set_type_codec = AsyncMock(side_effect=ValueError("unknown type"))

    await made().setup_asyncpg_json_codec(connection)

    connection._connection.set_type_codec.assert_awaited_once()
    with pytest.raises(ValueError, match="unknown type"):
        await made().setup_asyncpg_jsonb_codec(connection)
