"""The dialect of PostgreSQL, also where another database speaks PostgreSQL's protocol."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

URL = "postgresql+vestibule://"
"""What an engine of this dialect is made with."""
COCKROACH_SPEAKS = (13, 0)
"""The version of PostgreSQL that CockroachDB says it is compatible with."""


class Dialect(PGDialect_asyncpg):
    """That of asyncpg, which can also begin to talk to CockroachDB and YugabyteDB."""

    supports_statement_cache = True
    is_postgresql = True
    """Whether it is PostgreSQL itself, in which `COPY` and temporary tables are."""

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        told = str(connection.exec_driver_sql("SELECT pg_catalog.version()").scalar())
        self.is_postgresql = not ("CockroachDB" in told or "-YB-" in told)
        if "CockroachDB" in told:
            return COCKROACH_SPEAKS
        library: Any = super()  # which has no types
        version: tuple[int, ...] = library._get_server_version_info(connection)
        return version

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        # CockroachDB has no such type: what is declared as JSON is JSONB there.
        library: Any = super()
        with suppress(ValueError):
            await library.setup_asyncpg_json_codec(conn)


registry.register("postgresql.vestibule", __name__, Dialect.__name__)
