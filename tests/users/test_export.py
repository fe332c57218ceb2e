"""Users taken out as they stood at one moment, and brought in elsewhere."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text, update
from typer.testing import CliRunner, Result

from tests.conftest import make_client
from tests.postgres import PostgresServer
from tests.tcp import CuttingProxy
from tests.world import FakeClock, World, log_in
from vestibule.cli.main import app
from vestibule.errors import DatabaseUnavailable
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.storage.opening import run_once
from vestibule.storage.postgres import PostgresDatabase
from vestibule.storage.snapshot import copy_lines
from vestibule.users.exporting import PAGE, export
from vestibule.users.importing import Importer, Refusal
from vestibule.users.models import users
from vestibule.wiring import Services, wire

Run = Callable[..., Result]


@pytest.fixture
async def elsewhere(
    settings: Settings, tmp_path: Path, migrated: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Services]:
    """Another service, with an empty database of the same kind."""
    if settings.sqlalchemy_url.startswith("sqlite"):
        (tmp_path / "elsewhere").mkdir()
        url = f"sqlite:///{tmp_path}/elsewhere/vestibule.db"
        await asyncio.to_thread(shutil.copy, migrated, tmp_path / "elsewhere" / "vestibule.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = await asyncio.to_thread(server.new_migrated)
    made = wire(settings.model_copy(update={"database_url": SecretStr(url)}), clock=FakeClock())
    await made.keys.ensure()
    yield made
    await made.close()


async def exported(services: Services, *, with_passwords: bool = True) -> bytes:
    pieces: list[bytes] = []
    counts: list[int] = []
    count = await export(
        services.database.url,
        take=pieces.append,
        progress=counts.append,
        with_passwords=with_passwords,
    )
    lines = b"".join(pieces)
    assert (counts or [0])[-1] == count == lines.count(b"\n")
    assert counts == sorted(counts)
    return lines


async def brought_in(services: Services, lines: bytes) -> dict[str, int]:
    refused: list[Refusal] = []
    importer = Importer(
        database=services.database,
        users=services.users,
        organizations=services.organizations,
        passwords=services.passwords,
    )
    summary = await importer.run(
        enumerate((json.loads(line) for line in lines.splitlines()), 1),
        refused=refused.append,
        progress=lambda summary: None,
    )
    assert refused == []
    return asdict(summary)


def many(count: int) -> bytes:
    return b"".join(b'{"username":"u%05d"}\n' % number for number in range(count))


async def test_what_is_taken_out_is_the_same_once_it_was_brought_in(
    services: Services, world: World, elsewhere: Services
) -> None:
    alice = await world.user("alice", first_name='Älice \\N "\\\\" \u2028', email_verified=True)
    bob = await world.user("bob", is_active=False, password=None, email_address=None)
    acme = await world.org("acme", alice, role=Role.OWNER)
    await world.org("beta", alice, bob)
    await services.users.update(alice, default_org_id=acme.id)
    await brought_in(services, many(PAGE + 500))
    for key in ("acme", "beta"):
        await World(elsewhere).org(key)

    taken = await exported(services)
    summary = await brought_in(elsewhere, taken)

    assert summary == {"created": PAGE + 502, "unchanged": 0, "refused": 0}
    assert await exported(elsewhere) == taken
    async with make_client(elsewhere) as client:
        answer = (await log_in(client, "alice")).json()
    assert answer["default_org"] == {"key": "acme", "name": "Acme"}


async def test_a_line_is_what_both_databases_make_of_it(services: Services, world: World) -> None:
    alice = await world.user("alice", first_name='Ä\\"/é', password=None, email_verified=True)
    await world.user("bob", is_active=False, password=None, email_address=None)
    await world.org("zeta", alice)
    acme = await world.org("acme", alice, role=Role.ADMIN)
    await services.users.update(alice, default_org_id=acme.id)

    assert (await exported(services)).decode().splitlines() == [
        '{"username":"alice","email_address":"alice@example.org","first_name":"Ä\\\\\\"/é",'
        '"last_name":"","is_active":true,"email_verified":true,"default_organization":"acme",'
        '"organizations":["acme:admin","zeta"]}',
        '{"username":"bob","first_name":"","last_name":"","is_active":false,'
        '"email_verified":false,"organizations":[]}',
    ]


async def test_what_is_written_meanwhile_is_not_in_it(services: Services) -> None:
    await brought_in(services, many(2 * PAGE))
    url = services.database.url
    before = await exported(services)
    pieces: list[bytes] = []

    def rename(connection: Connection) -> None:
        connection.execute(update(users).values(first_name="Later"))

    def take(lines: bytes) -> None:
        if not pieces:
            writer = threading.Thread(target=run_once, args=(url, rename))
            writer.start()
            writer.join(timeout=30)
        pieces.append(lines)

    await export(url, take=take, progress=lambda _: None)

    assert b"".join(pieces) == before
    assert (await exported(services)).count(b"Later") == 2 * PAGE


async def test_hashes_can_be_left_out(services: Services, world: World) -> None:
    await world.user("alice")

    assert b"argon2" in await exported(services)
    without = await exported(services, with_passwords=False)
    assert b"argon2" not in without
    assert "password_hash" not in json.loads(without)


async def test_nobody_is_no_line(services: Services) -> None:
    assert await exported(services) == b""


async def test_what_the_writing_fails_with_is_told_as_it_is(
    services: Services, world: World
) -> None:
    await world.user("alice", password=None)

    def full(_: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await export(services.database.url, take=full, progress=lambda _: None)


async def test_a_server_that_goes_away_or_is_silent_is_not_waited_for(
    postgres: PostgresServer,
) -> None:
    url = await asyncio.to_thread(postgres.new_migrated)
    locker = PostgresDatabase(url, timeout=60)  # as long as it holds the lock
    locked = asyncio.Event()

    def hold(connection: Connection) -> None:
        connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
        locked.set()
        connection.execute(text("SELECT pg_sleep(600)"))

    with CuttingProxy(postgres.port) as proxy:
        proxy.cut_after(b"COPY")
        away = url.replace(f":{postgres.port}", f":{proxy.port}")
        with pytest.raises(DatabaseUnavailable):
            await export(away, take=lambda _: None, progress=lambda _: None)
    holding = asyncio.create_task(locker.write(hold))
    await locked.wait()
    with pytest.raises(DatabaseUnavailable):
        await copy_lines(url, "SELECT username FROM users", lambda _: None, silence=0.1)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await locker.close()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `vestibule user` on this database."""
    monkeypatch.setenv("VESTIBULE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("VESTIBULE_DATABASE_URL", settings.sqlalchemy_url)
    monkeypatch.setenv("VESTIBULE_SECRET_KEY", "a secret key for tests, 32 characters or more")

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["user", *arguments])
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_the_commands_write_and_take_packed_files_that_are_their_owners_alone(
    run: Run, tmp_path: Path
) -> None:
    source, plain, packed = (tmp_path / name for name in ("in.jsonl", "o.jsonl", "o.jsonl.gz"))
    source.write_bytes(many(3))
    run("import", str(source))
    plain.write_text("what was there before")
    plain.chmod(0o644)

    told = json.loads(run("export", str(plain), "--json").stdout)
    run("export", str(packed))
    printed = run("export", "-")

    assert told == {"exported": 3}
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() == printed.stdout_bytes
    assert "3 exported" in printed.stderr
    for path in (plain, packed):
        assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(".*jsonl*")] == []
    again = json.loads(run("import", str(packed), "--json").stdout)
    assert again == {"created": 0, "unchanged": 3, "refused": 0}


@pytest.mark.embedded
def test_an_export_that_fails_leaves_what_was_there(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text("kept")

    wrong = run("export", str(tmp_path / "users.csv"), code=2)
    nowhere = run("export", str(tmp_path / "none" / "users.jsonl"), code=1)
    (tmp_path / "vestibule.db").write_bytes(b"no database" * 1000)
    CliRunner().invoke(app, ["user", "export", str(kept)])

    assert ".jsonl" in wrong.stderr
    assert "No such file" in nowhere.stderr
    assert kept.read_text() == "kept"
    assert [path.name for path in tmp_path.glob(".*jsonl*")] == []


@pytest.mark.embedded
def test_refused_lines_go_to_a_file_and_damage_is_told_by_line(run: Run, tmp_path: Path) -> None:
    source, damaged, refused = (tmp_path / n for n in ("u.jsonl", "u.jsonl.gz", "refused.jsonl"))
    source.write_text('{"username": "good"}\n{"username": ""}\n["no"]\n')
    damaged.write_bytes(gzip.compress(many(20_000))[:-5000])

    done = run("import", str(source), "--refused", str(refused), "--json", code=1)
    failed = run("import", str(damaged), code=1)

    assert done.stderr == ""
    told: list[dict[str, Any]] = [json.loads(line) for line in refused.read_text().splitlines()]
    assert [line["line"] for line in told] == [2, 3]
    assert told[1]["reason"] == "not a JSON object"
    assert "damaged behind line" in failed.stderr
