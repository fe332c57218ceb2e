"""How PostgreSQL is reached: by its URL, with a password, by TLS; and how it is not."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from tests.certificates import HOUR, certify
from tests.postgres import PostgresServer, postgres_server
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.postgres import PostgresDatabase

PASSWORD = "the pass:word/ @ secret?"
IS_TLS = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
CERTIFIED = {
    "right": {},
    "of another host": {"address": "127.0.0.2"},
    "expired": {"lasts": -HOUR},
}
Reload = Callable[[str], Path]


async def asked(url: str) -> bool | None:
    """Whether TLS is used, or None where nothing is answered."""
    database = PostgresDatabase(url, timeout=2)
    try:
        return bool(await database.read(lambda c: c.execute(IS_TLS).scalar_one()))
    except DatabaseUnavailable:
        return None
    finally:
        await database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One that wants a password of `alice`."""
    with postgres_server() as made:
        made.sql(f"CREATE ROLE alice LOGIN PASSWORD '{PASSWORD}'")
        rules = made.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all alice all scram-sha-256\n{rules.read_text()}")
        made.sql("SELECT pg_reload_conf()")
        yield made


@contextmanager
def certified(server: PostgresServer, **details: str | dt.timedelta) -> Iterator[Path]:
    """With a certificate: the file that trusts it."""
    folder = server.folder / "certificate"
    folder.mkdir()
    certificate, key = certify(folder, **details)  # type: ignore[arg-type]
    owner = server.folder.stat()
    for path in (folder, key):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    server.sql(
        f"ALTER SYSTEM SET ssl_cert_file = '{certificate}';"
        f"ALTER SYSTEM SET ssl_key_file = '{key}'; ALTER SYSTEM SET ssl = on"
    )
    server.sql("SELECT pg_reload_conf()")
    yield certificate
    server.sql("ALTER SYSTEM SET ssl = off")
    server.sql("SELECT pg_reload_conf()")
    shutil.rmtree(folder)


async def test_a_password_may_hold_anything(server: PostgresServer) -> None:
    at = f"127.0.0.1:{server.port}/postgres"

    assert await asked(f"postgresql://alice:{quote(PASSWORD, safe='')}@{at}") is False
    assert await asked(f"postgresql+asyncpg://alice:{quote(PASSWORD, safe='')}@{at}") is False


@pytest.mark.parametrize(
    "where",
    [
        "alice:{wrong}@127.0.0.1:{port}/postgres",
        "alice@127.0.0.1:{port}/postgres?password={wrong}",
        "nobody:{wrong}@127.0.0.1:{port}/postgres",
        "postgres:{wrong}@127.0.0.1:{port}/missing",
        "postgres:{wrong}@127.0.0.1:1/postgres",
        "postgres:{wrong}@127.0.0.1:{port}/postgres?sslmode=require",
    ],
    ids=["password", "password as a parameter", "user", "database", "port", "no TLS"],
)
async def test_what_is_wrong_is_said_without_the_password(
    server: PostgresServer, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "a-password-that-must-not-leak"
    database = PostgresDatabase(
        f"postgresql://{where.format(wrong=wrong, port=server.port)}", timeout=1
    )

    with pytest.raises(DatabaseUnavailable) as refused:
        await database.read(lambda c: c.execute(IS_TLS).scalar_one())

    told = capsys.readouterr()
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    assert wrong not in f"{chain!r} {[str(e) for e in chain]} {told.out} {told.err} {database!r}"
    assert "database unavailable" in told.out + told.err
    await database.close()


@pytest.mark.parametrize("which", CERTIFIED)
async def test_tls_is_for_the_host_that_is_meant(server: PostgresServer, which: str) -> None:
    with certified(server, **CERTIFIED[which]) as trusted:  # type: ignore[arg-type]
        url = server.url() + "?sslmode="

        assert await asked(f"{url}disable") is False
        assert await asked(f"{url}require") is True  # encrypted, whoever it is
        full = await asked(f"{url}verify-full&sslrootcert={trusted}")
        ca = await asked(f"{url}verify-ca&sslrootcert={trusted}")

    assert full is (True if which == "right" else None)
    assert ca is (None if which == "expired" else True)


async def test_a_certificate_that_nobody_trusts_is_refused(
    server: PostgresServer, tmp_path: Path
) -> None:
    other, _ = certify(tmp_path)
    with certified(server):
        assert await asked(f"{server.url()}?sslmode=verify-full&sslrootcert={other}") is None
