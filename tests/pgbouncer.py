"""A PgBouncer in transaction mode, in front of a server of the tests' own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from tests.ports import free_port
from tests.postgres import NOT_FOR_ROOT, PostgresServer, become

PATIENCE = 30.0
"""Seconds that it may take to start."""
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={target} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 300
server_tls_sslmode = disable
"""


@contextmanager
def pgbouncer(server: PostgresServer, *, servers: int) -> Iterator[int]:
    """The port of one that shares so many connections of the server among all its clients."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise RuntimeError("PgBouncer is not installed: run sh scripts/test-requirements")
    with TemporaryDirectory(prefix="vestibule-pgbouncer-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        port = free_port()
        written = Path(folder) / "pgbouncer.ini"
        written.write_text(CONFIGURATION.format(target=server.port, port=port, servers=servers))
        log = Path(folder) / "log"
        with log.open("wb") as told:
            process = subprocess.Popen(
                [program, written],
                stdout=told,
                stderr=told,
                cwd="/",
                start_new_session=True,
                **become(),  # type: ignore[call-overload]
            )
        try:
            give_up_at = time.monotonic() + PATIENCE
            while not asyncio.run(_answers(port)):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    raise RuntimeError(log.read_text()[-2000:])
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


async def _answers(port: int) -> bool:
    try:
        connection = await asyncpg.connect(
            f"postgresql://{NOT_FOR_ROOT}@127.0.0.1:{port}/postgres", timeout=5
        )
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
