"""What has had its time is forgotten, what has not is kept, and keys rotate when they are due."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
from sqlalchemy import func, select

from tests.world import FakeClock, World, log_in
from vestibule.devices.models import device_logins
from vestibule.ids import new_id
from vestibule.sessions.models import sessions
from vestibule.settings import Settings
from vestibule.tokens.models import replays
from vestibule.users import import_jobs
from vestibule.users.import_jobs import ImportJob
from vestibule.wiring import Services, wire

DAY = 86400


async def count(services: Services, table: object) -> int:
    statement = select(func.count()).select_from(table)  # type: ignore[arg-type]
    return await services.database.read(lambda c: int(c.execute(statement).scalar_one()))


async def test_expired_rows_are_forgotten_and_live_ones_kept(
    client: httpx.AsyncClient, world: World, services: Services, clock: FakeClock
) -> None:
    await world.user()
    await log_in(client)
    await client.post("/api/v1/auth/device/code")
    await services.replays.first_use("a proof", expires_at=clock.now + 60)

    await services.housekeeping.round()
    kept = [await count(services, table) for table in (sessions, device_logins, replays)]
    clock.advance(32 * DAY)
    await services.housekeeping.round()
    left = [await count(services, table) for table in (sessions, device_logins, replays)]

    assert kept == [1, 1, 1]
    assert left == [0, 0, 0]


async def test_a_spent_proof_can_not_come_again_after_a_round(
    services: Services, clock: FakeClock
) -> None:
    expires_at = clock.now + 60
    assert await services.replays.first_use("a proof", expires_at=expires_at)

    await services.housekeeping.round()

    assert not await services.replays.first_use("a proof", expires_at=expires_at)


def job(name: str, *, seen_at: datetime, ended_at: datetime | None) -> ImportJob:
    return ImportJob(
        id=new_id(), file_name=name, file_size=1, started_by=new_id(),
        started_at=seen_at - timedelta(days=1), seen_at=seen_at, ended_at=ended_at,
        position=0, created=0, unchanged=0, refused=0, refusals=[], failure=None,
    )  # fmt: skip


async def test_imports_are_shown_for_a_month_and_then_forgotten_also_where_none_ended_them(
    services: Services, clock: FakeClock
) -> None:
    now = datetime.fromtimestamp(clock.now, UTC)
    recent, old = now - timedelta(days=29), now - timedelta(days=31)
    for made in (
        job("ended long ago", seen_at=old, ended_at=old),
        job("lost", seen_at=old, ended_at=None),
        job("ended", seen_at=recent, ended_at=recent),
        job("under way", seen_at=now, ended_at=None),
    ):
        await services.database.write(partial(import_jobs.add, job=made))

    await services.housekeeping.round()

    left = await services.database.read(lambda c: import_jobs.latest(c, limit=10))
    assert [one.file_name for one in left] == ["under way", "ended"]


async def test_a_key_follows_when_it_is_due_and_only_then(
    services: Services, clock: FakeClock
) -> None:
    first = (await services.keys.list())[0]

    clock.advance(89 * DAY)
    await services.housekeeping.round()
    early = await services.keys.list()
    clock.advance(2 * DAY)
    await services.housekeeping.round()
    both = await services.keys.list()
    signer = await services.keys.signer()
    clock.advance(3601)
    after = await services.keys.signer()

    assert [key.kid for key in early] == [first.kid]
    assert [key.kid for key in both] == [first.kid, both[1].kid]
    assert both[1].activates_at > datetime.fromtimestamp(clock.now - 3601, UTC)
    assert (signer.kid, after.kid) == (first.kid, both[1].kid)


async def test_of_two_instances_one_rotates(
    services: Services, settings: Settings, clock: FakeClock
) -> None:
    other = wire(settings, clock=clock)
    clock.advance(91 * DAY)

    await asyncio.gather(services.housekeeping.round(), other.housekeeping.round())

    assert len(await services.keys.list()) == 2
    await other.close()


async def test_nothing_rotates_where_that_is_switched_off(
    settings: Settings, clock: FakeClock
) -> None:
    services = wire(settings.model_copy(update={"key_rotation_interval": 0}), clock=clock)
    await services.keys.ensure()
    clock.advance(1000 * DAY)

    await services.housekeeping.round()

    assert len(await services.keys.list()) == 1
    await services.close()
