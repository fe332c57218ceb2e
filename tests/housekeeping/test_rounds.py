"""What a round costs, how far it goes, and when it does not trust the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select
from structlog.testing import capture_logs

from tests.plans import looked_through
from tests.statements import statements
from tests.world import FakeClock, World, log_in
from vestibule.housekeeping.service import BATCH
from vestibule.sessions.models import sessions
from vestibule.tokens.models import replays
from vestibule.wiring import Services

DAY = 86400
GROWING = (
    "sessions",
    "api_keys",
    "authorization_codes",
    "device_logins",
    "revoked_tokens",
    "replays",
    "audit_events",
    "invitations",
    "scim_tokens",
    "user_imports",
)


class JumpingClock(FakeClock):
    """A clock whose time of day can be set, while time goes on as before."""

    offset = 0.0

    def time(self) -> float:
        return self.now + self.offset


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


async def count(services: Services, table: Any) -> int:
    statement = select(func.count()).select_from(table)
    return await services.database.read(lambda c: int(c.execute(statement).scalar_one()))


async def test_a_round_looks_through_no_table_that_grows(services: Services) -> None:
    with statements() as sent:
        await services.housekeeping.round()

    asked = [(s, values) for s, values in sent if re.match(r"(SELECT|DELETE|UPDATE)\b", s)]
    scans = await services.database.write(lambda c: looked_through(c, asked))
    deleted = {m[1] for s, _ in asked if (m := re.match(r"DELETE FROM (\w+)", s))}
    assert deleted >= set(GROWING) - {"audit_events"}
    assert {table for table in deleted if table.startswith("audit_events")}
    assert [scan for scan in scans if scan[0].startswith(GROWING)] == []


async def test_nothing_is_left_however_much_there_was(
    services: Services, clock: JumpingClock
) -> None:
    expired = datetime.fromtimestamp(clock.now, UTC) - timedelta(hours=1, seconds=1)
    many = 250 * BATCH + 1
    rows = [{"digest": i.to_bytes(32, "big"), "expires_at": expired} for i in range(many)]
    await services.database.write(lambda c: c.execute(insert(replays), rows))

    await services.housekeeping.round()

    assert await count(services, replays) == 0


async def test_ended_sessions_go_before_they_expire(
    client: httpx.AsyncClient, world: World, services: Services, clock: JumpingClock
) -> None:
    await world.user()
    ended, _ = (await log_in(client)).json(), (await log_in(client)).json()
    await client.post("/api/v1/auth/logout", json={"refresh_token": ended["refresh_token"]})

    clock.advance(2 * DAY)
    await services.housekeeping.round()

    assert await count(services, sessions) == 1


@pytest.mark.parametrize("jump", [40 * DAY, 2 * 3600])
async def test_a_jump_of_the_clock_costs_nobody_a_session(
    client: httpx.AsyncClient, world: World, services: Services, clock: JumpingClock, jump: float
) -> None:
    await world.user()
    tokens = (await log_in(client)).json()
    await services.replays.first_use("a proof", expires_at=clock.now + 60)
    await services.housekeeping.round()

    clock.offset = jump
    with capture_logs() as lines:
        await services.housekeeping.round()
    clock.offset = 0
    clock.advance(30)
    await services.housekeeping.round()
    answer = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )

    assert [line["seconds"] for line in lines if "the clock jumped" in line["event"]] == [jump]
    assert answer.status_code == 200, answer.text
    assert not await services.replays.first_use("a proof", expires_at=clock.now + 30)


async def test_an_instance_whose_clock_is_ahead_forgets_nothing_that_others_would_take_again(
    client: httpx.AsyncClient, world: World, services: Services, clock: JumpingClock
) -> None:
    await world.user()
    bearer = {"Authorization": f"Bearer {(await log_in(client)).json()['access_token']}"}
    access = await services.tokens.verify(bearer["Authorization"].removeprefix("Bearer "))
    await services.database.write(lambda c: services.tokens.revoke(c, access))
    await services.replays.first_use("a proof", expires_at=clock.now + 60)

    clock.offset = 3600
    await services.housekeeping.round()
    clock.offset = 0

    assert (await client.get("/api/v1/user", headers=bearer)).status_code == 401
    assert not await services.replays.first_use("a proof", expires_at=clock.now + 60)


async def test_a_clock_that_stays_where_it_jumped_is_believed(
    client: httpx.AsyncClient, world: World, services: Services, clock: JumpingClock
) -> None:
    await world.user()
    await log_in(client)

    clock.offset = 40 * DAY
    await services.housekeeping.round()
    at_once = await count(services, sessions)
    clock.advance(300)
    await services.housekeeping.round()

    assert (at_once, await count(services, sessions)) == (1, 0)


async def test_people_sign_in_though_the_clock_went_back(
    client: httpx.AsyncClient, world: World, clock: JumpingClock
) -> None:
    await world.user()

    clock.offset = -3600
    answer = await log_in(client)
    own = await client.get(
        "/api/v1/user", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}
    )

    assert answer.status_code == 200, answer.text
    assert own.status_code == 200, own.text


async def test_a_revoked_key_does_not_sign_again_though_the_clock_went_back(
    services: Services, clock: JumpingClock
) -> None:
    first = (await services.keys.list())[0]
    clock.advance(60)
    followed = await services.keys.revoke(first.kid)

    clock.offset = -3600
    clock.advance(31)  # the keys are looked up again
    signer = await services.keys.signer()

    assert signer.kid == followed.kid
