"""Users taken out, and brought in elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.conftest import make_client
from tests.world import FakeClock, World, log_in
from vestibule.cli.main import app
from vestibule.orgs.models import Role
from vestibule.settings import Settings
from vestibule.users.exporting import PAGE, Exporter
from vestibule.users.importing import Importer
from vestibule.wiring import Services, wire


@pytest.fixture
def elsewhere(tmp_path: Path, migrated: Path) -> Settings:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(migrated, folder / "vestibule.db")
    return Settings(data_dir=folder, argon2_memory=8, argon2_time=1)


async def exported(services: Services, *, with_passwords: bool = True) -> list[dict[str, Any]]:
    exporter = Exporter(database=services.database)
    pages = [page async for page in exporter.pages(with_passwords=with_passwords)]
    assert all(len(page) <= PAGE for page in pages)
    return [fields for page in pages for fields in page]


async def brought_in(services: Services, rows: list[dict[str, Any]]) -> int:
    importer = Importer(
        database=services.database,
        users=services.users,
        organizations=services.organizations,
        passwords=services.passwords,
    )
    summary = await importer.run(
        enumerate(rows, 1), refused=lambda refusal: None, progress=lambda summary: None
    )
    return summary.created


async def test_what_is_taken_out_is_the_same_once_it_was_brought_in(
    services: Services, world: World, clock: FakeClock, elsewhere: Settings
) -> None:
    alice = await world.user("alice", first_name="Älice", email_verified=True)
    await world.user("bob", is_active=False, password=None)
    await world.org("acme", alice, role=Role.OWNER)
    await brought_in(services, [{"username": f"u{i:05}"} for i in range(PAGE + 500)])
    taken = await exported(services)
    other = wire(elsewhere, clock=clock)
    await World(other).org("acme")
    await other.keys.ensure()

    created = await brought_in(other, taken)

    assert created == len(taken) == PAGE + 502
    assert await exported(other) == taken
    async with make_client(other) as client:
        assert (await log_in(client, "alice")).status_code == 200
    await other.close()


@pytest.mark.embedded
def test_the_command_writes_a_file_that_is_its_owners_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VESTIBULE_DATA_DIR", str(settings.data_dir))
    runner = CliRunner()
    made = runner.invoke(app, ["user", "create", "alice"], input="correct horse battery staple\n")
    assert made.exit_code == 0, made.output

    done = runner.invoke(app, ["user", "export", str(tmp_path / "u.jsonl"), "--json"])
    told = runner.invoke(app, ["user", "export", "-", "--without-passwords"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"exported": 1}
    assert (tmp_path / "u.jsonl").stat().st_mode & 0o777 == 0o600
    assert "argon2" in (tmp_path / "u.jsonl").read_text()
    assert json.loads(told.stdout)["username"] == "alice"
    assert [path.name for path in tmp_path.glob(".*")] == []


async def test_hashes_can_be_left_out(services: Services, world: World) -> None:
    await world.user("alice", password=SecretStr("correct horse battery staple"))

    assert "argon2" not in json.dumps(await exported(services, with_passwords=False))
    assert "argon2" in json.dumps(await exported(services))
