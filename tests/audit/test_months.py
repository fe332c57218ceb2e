"""The trail by months on PostgreSQL: made ahead, dropped whole, and no row without a place."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import Connection, insert, select, text
from structlog.testing import capture_logs

from tests.plans import looked_through
from tests.postgres import PostgresServer
from tests.statements import statements
from tests.waiting import lock_waits
from tests.world import FakeClock
from vestibule.audit import repository
from vestibule.audit.models import AuditEvent, Result, audit_events
from vestibule.ids import floor_id, new_id
from vestibule.settings import Settings
from vestibule.storage import schema
from vestibule.storage.opening import run_once
from vestibule.wiring import Services, wire

SOMEBODY = UUID(int=7)
GUIDE = (Path(__file__).parents[2] / "docs/src/content/docs/operations.md").read_text()
RETENTION = 400
"""Days, by default."""


@pytest.fixture
def clock() -> FakeClock:
    """Now, for ids are made by the real time."""
    return FakeClock(datetime.now(UTC).timestamp())


@pytest.fixture
async def services(
    postgres: PostgresServer, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[Services]:
    settings = Settings(
        data_dir=tmp_path,
        database_url=SecretStr(await asyncio.to_thread(postgres.new_migrated)),
        secret_key=SecretStr("a secret key for tests, 32 characters or more"),
    )
    made = wire(settings, clock=clock)
    await made.keys.ensure()
    yield made
    await made.close()


def event(moment: datetime, network: str = "192.0.2.1") -> AuditEvent:
    return AuditEvent(
        id=UUID(int=floor_id(moment).int + new_id().int % 2**64), occurred_at=moment, event="login",
        result=Result.SUCCESS, cause="signed_in", status=200, user_id=SOMEBODY,
        identifier_digest=None, client_id=None, org_id=None, address=network, network=network,
        request_id="a request",
    )  # fmt: skip


def now(clock: FakeClock) -> datetime:
    return datetime.fromtimestamp(clock.time(), UTC)


async def add(services: Services, *events: AuditEvent) -> None:
    await services.database.write(lambda c: repository.add(c, events))


def partitions(connection: Connection) -> list[str]:
    return list(
        connection.execute(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'audit_events'::regclass ORDER BY 1"
            )
        ).scalars()
    )


def tables(connection: Connection) -> set[str]:
    names = text("SELECT tablename FROM pg_tables WHERE tablename LIKE 'audit_events_%'")
    return set(connection.execute(names).scalars())


def in_default(connection: Connection) -> list[UUID]:
    return list(connection.execute(text("SELECT id FROM audit_events_default")).scalars())


def month(moment: datetime) -> str:
    return f"audit_events_y{moment:%Y}m{moment:%m}"


def months(clock: FakeClock) -> list[str]:
    """The present one, and those that are made ahead."""
    first = now(clock).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return [month(moment) for moment in (first, following, following + timedelta(days=32))]


async def test_months_are_there_before_anybody_needs_them(
    services: Services, clock: FakeClock
) -> None:
    for _ in range(14):
        await services.housekeeping.round()
        await add(services, event(now(clock)))
        there = await services.database.read(partitions)
        ahead = now(clock).replace(day=1) + timedelta(days=32)
        assert {month(now(clock)), month(ahead), "audit_events_default"} <= set(there)
        clock.advance(28 * 86400)

    assert await services.database.read(in_default) == []


async def test_a_month_goes_as_a_whole_once_all_of_it_is_old(
    services: Services, clock: FakeClock
) -> None:
    await services.housekeeping.round()
    old = event(now(clock))
    await add(services, old)
    present = month(now(clock))
    first = now(clock).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (first + timedelta(days=32)).replace(day=1) + timedelta(days=RETENTION)

    clock.now = end.timestamp() - 1
    await services.housekeeping.round()
    kept = await services.database.read(tables)
    clock.advance(2)
    with statements("postgresql") as sent:
        await services.housekeeping.round()

    assert present in kept
    assert present not in await services.database.read(tables)
    assert await services.audit.latest(limit=10) == []
    deleted = {statement.split()[2] for statement, _ in sent if statement.startswith("DELETE")}
    assert {name for name in deleted if name.startswith("audit")} == {"audit_events_default"}


async def test_what_was_detached_and_not_yet_dropped_is_dropped_by_the_next_round(
    services: Services, clock: FakeClock
) -> None:
    await services.housekeeping.round()
    present = month(now(clock))
    await services.database.write(
        lambda c: c.exec_driver_sql(f"ALTER TABLE audit_events DETACH PARTITION {present}")
    )

    clock.advance(2 * RETENTION * 86400)
    await services.housekeeping.round()  # the clock jumped in no time, so it is not believed
    clock.advance(300)
    await services.housekeeping.round()

    assert present not in await services.database.read(tables)


async def test_a_row_of_no_month_finds_a_place_and_is_forgotten_in_time(
    services: Services, clock: FakeClock
) -> None:
    await services.housekeeping.round()
    far = event(now(clock) + timedelta(days=3000))
    past = event(now(clock) - timedelta(days=RETENTION + 1))
    recent = event(now(clock) - timedelta(days=RETENTION - 1))
    await add(services, far, past, recent)

    placed = await services.database.read(in_default)
    await services.housekeeping.round()

    assert set(placed) == {far.id, past.id, recent.id}
    assert set(await services.database.read(in_default)) == {far.id, recent.id}


async def test_rows_that_came_before_their_month_move_there(
    services: Services, clock: FakeClock
) -> None:
    await services.housekeeping.round()
    clock.advance(200 * 86400)
    early, far = event(now(clock)), event(now(clock) + timedelta(days=3000))
    await add(services, early, far)

    with capture_logs() as lines:
        await services.housekeeping.round()

    assert await services.database.read(in_default) == [far.id]
    assert {*months(clock)} <= set(await services.database.read(partitions))
    assert await services.audit.latest(limit=10) == [early, far]
    assert [line for line in lines if line["log_level"] != "info"] == []


async def test_a_default_partition_with_too_many_rows_is_put_aside_as_the_guide_says(
    services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.audit.partitions.MOST_LOOKED_THROUGH", 2)
    await services.housekeeping.round()
    clock.advance(200 * 86400)
    rows = [event(now(clock)), *(event(now(clock) + timedelta(days=3000)) for _ in range(2))]
    await add(services, *rows)
    aside, back = re.findall(r"BEGIN;\n(.*?)COMMIT;\n-- after.*?\n(.*?)```", GUIDE, re.DOTALL)[0]

    with capture_logs() as lines:
        await services.housekeeping.round()
    (told,) = [line for line in lines if line["log_level"] == "warning"]
    await run(services, aside)
    await services.housekeeping.round()
    made = set(await services.database.read(partitions))
    await run(services, back)

    assert told["months"] == sorted(months(clock))
    assert set(told["months"]) <= made
    assert set(await services.database.read(in_default)) == {one.id for one in rows[1:]}
    assert {one.id for one in await services.audit.latest(limit=10)} == {one.id for one in rows}


async def run(services: Services, block: str) -> None:
    def unit(connection: Connection) -> None:
        for statement in filter(None, map(str.strip, block.split(";"))):
            connection.exec_driver_sql(statement)

    await services.database.write(unit)


async def test_nobody_who_signs_in_meanwhile_notices_that_rows_move(
    services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.audit.partitions.LOCK_TIMEOUT", "30s")
    await services.housekeeping.round()
    clock.advance(200 * 86400)
    first, *others = [event(now(clock)) for _ in range(6)]
    await add(services, first)
    reader = await asyncpg.connect(services.database.url)
    reading = reader.transaction()
    await reading.start()
    await reader.execute("LOCK TABLE audit_events_default IN ACCESS SHARE MODE")

    moving = asyncio.create_task(services.housekeeping.round())
    await lock_waits(services.database, 1)
    signing_in = [asyncio.create_task(add(services, one)) for one in others]
    await lock_waits(services.database, 1 + len(others))
    await reading.rollback()
    await asyncio.gather(moving, *signing_in)
    await reader.close()

    assert await services.database.read(in_default) == []
    assert {one.id for one in await services.audit.latest(limit=10)} == {
        one.id for one in (first, *others)
    }


async def test_a_month_of_which_too_much_came_before_it_is_said_and_costs_nothing_else(
    services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.audit.partitions.MOST_MOVED", 1)
    await services.housekeeping.round()
    clock.advance(200 * 86400)
    early = [event(now(clock)) for _ in range(2)]
    await add(services, *early)
    present, *following = months(clock)

    with capture_logs() as lines:
        await services.housekeeping.round()
    there = await services.database.read(partitions)
    with statements("postgresql") as sent:
        await services.housekeeping.round()

    said = [line for line in lines if "default partition" in line["event"]]
    assert [line["months"] for line in said] == [[present]]
    assert [line for line in lines if line["event"] == "housekeeping failed"] == []
    assert present not in there
    assert {*following} <= set(there)
    assert set(await services.database.read(in_default)) == {one.id for one in early}
    assert [one for one, _ in sent if one.startswith(("ALTER", "LOCK"))] == []
    asked = [one for one in sent if "audit_events_default WHERE" in one[0]]
    assert asked
    assert await services.database.write(lambda c: looked_through(c, asked)) == set()


async def test_two_instances_at_once_make_each_month_once(
    services: Services, clock: FakeClock
) -> None:
    other = wire(services.settings, clock=clock)
    clock.advance(3 * 28 * 86400)

    with capture_logs() as lines:
        await asyncio.gather(services.housekeeping.round(), other.housekeeping.round())
        await services.housekeeping.round()
    await other.close()

    assert [line for line in lines if line["event"] == "housekeeping failed"] == []
    assert month(now(clock)) in await services.database.read(partitions)


async def test_where_somebody_signed_in_before_is_found_in_any_month_by_an_index(
    services: Services, clock: FakeClock
) -> None:
    for number in range(14):
        await services.housekeeping.round()
        await add(services, event(now(clock), network=f"192.0.2.{number}"))
        clock.advance(28 * 86400)

    with statements("postgresql") as sent:
        known = [
            await services.audit.has_signed_in_from(user_id=SOMEBODY, network=f"192.0.2.{number}")
            for number in (0, 13, 14)
        ]

    assert known == [True, True, False]
    assert await services.database.write(lambda c: looked_through(c, sent)) == set()


def test_rows_from_before_stay_and_go_on_being_counted(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    config = schema.alembic_config(url)
    command.upgrade(config, "0002")
    today = datetime.now(UTC)
    before = [event(today - timedelta(days=days)) for days in (0, 1, 40, 500)]
    after = replace(event(today), id=new_id())
    rows = [repository.row(one) for one in before]
    for row in rows:
        del row["target"]  # which came later
    run_once(url, lambda c: c.execute(insert(audit_events), rows))

    schema.upgrade(url)
    run_once(url, lambda c: repository.add(c, [after]))
    found = run_once(url, ids)
    placed = run_once(url, partitions)
    run_once(url, lambda c: repository.forget(c, before=today - timedelta(days=400), limit=10))
    left = run_once(url, ids)
    command.downgrade(config, "0002")

    assert found == {one.id for one in [*before, after]}
    assert [name for name in placed if name.startswith("audit_events_before_")]
    assert left == found - {before[3].id} == run_once(url, ids)


def ids(connection: Connection) -> set[UUID]:
    return set(connection.execute(select(audit_events.c.id)).scalars())
