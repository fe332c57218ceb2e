"""Which keys open, and how little that costs the database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import capture_logs

from tests.apikeys.people import statements
from tests.world import FakeClock, World
from vestibule.access.caller import Caller
from vestibule.apikeys import usage
from vestibule.apikeys.bounds import EVERYTHING
from vestibule.apikeys.format import new_key
from vestibule.apikeys.models import ApiKey, api_keys
from vestibule.apikeys.service import Wish
from vestibule.apikeys.usage import LastUsed
from vestibule.clock import utc
from vestibule.errors import AuthenticationFailed
from vestibule.ids import new_id
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

WRITES = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
async def alice(world: World) -> Caller:
    user = await world.user("alice")
    return Caller(
        user_id=user.id,
        username=user.username,
        email_address=user.email_address,
        email_verified=False,
        is_admin=False,
        client_id="vestibule",
        scopes=EVERYTHING,
    )


async def made(services: Services, caller: Caller, **wish: object) -> tuple[ApiKey, SecretStr]:
    attempt = caller.attempt("api_key_create")
    return await services.api_keys.create(caller, Wish(name="a", **wish), attempt)  # type: ignore[arg-type]


async def stored(services: Services, key: ApiKey) -> object:
    statement = select(api_keys.c.last_used_at).where(api_keys.c.id == key.id)
    return await services.database.read(lambda c: c.execute(statement).scalar_one())


async def test_a_key_opens_its_own_record_with_one_look(services: Services, alice: Caller) -> None:
    key, secret = await made(services, alice)

    with statements() as seen:
        found = await services.api_keys.authenticate(secret)

    assert found == key
    assert len(seen) == 1


@pytest.mark.parametrize("text", ["", "vst_", "vst_" + "0" * 72, "eyJ.a.b", "vst_\ud800", "é" * 76])
async def test_what_is_no_key_costs_no_look(services: Services, text: str) -> None:
    with statements() as seen:
        found = await services.api_keys.authenticate(SecretStr(text))

    assert found is None
    assert seen == []


async def test_a_key_of_nobody_and_a_wrong_secret_open_nothing(
    services: Services, alice: Caller
) -> None:
    key, _ = await made(services, alice)

    assert await services.api_keys.authenticate(new_key(new_id())) is None
    assert await services.api_keys.authenticate(new_key(key.id)) is None


async def test_the_database_keeps_no_key_and_its_record_shows_none(
    services: Services, alice: Caller
) -> None:
    key, secret = await made(services, alice)

    row = await services.database.read(lambda c: c.execute(select(api_keys)).one())

    assert secret.get_secret_value()[27:-6] not in repr(row)
    assert "digest" not in repr(key)


async def test_a_key_that_ended_since_it_was_let_in_makes_no_other(
    services: Services, alice: Caller
) -> None:
    key, _ = await made(services, alice)
    by_key = replace(alice, api_key_id=key.id)

    await services.api_keys.revoke(alice, key.id, alice.attempt("api_key_revoke"))

    with pytest.raises(AuthenticationFailed):
        await made(services, by_key)


async def test_two_at_once_do_not_pass_the_limit(services: Services, alice: Caller) -> None:
    for _ in range(99):
        await made(services, alice)

    results = await asyncio.gather(
        *[made(services, alice) for _ in range(5)], return_exceptions=True
    )

    assert sum(isinstance(result, tuple) for result in results) == 1
    assert len(await services.api_keys.list(alice)) == 100


# When they were last used


async def test_a_thousand_uses_are_written_once(
    services: Services, alice: Caller, clock: FakeClock
) -> None:
    keys = [(await made(services, alice))[0] for _ in range(10)]
    start = utc(clock)

    with statements() as seen:
        services.api_keys.touch(keys[0])
        await services.api_keys.flush()
        for _ in range(100):
            clock.advance(0.25)
            for key in keys:
                services.api_keys.touch(key)
            await asyncio.sleep(0)
        during = [s for s in seen if s.startswith(WRITES)]
        clock.advance(5)
        services.api_keys.touch(keys[0])
        await services.api_keys.flush()
    writes = [s for s in seen if s.startswith(WRITES)]

    assert len(during) == 1
    assert len(writes) == 2
    assert await stored(services, keys[0]) == start + timedelta(seconds=30)
    assert {await stored(services, key) for key in keys[1:]} == {start + timedelta(seconds=25)}


async def test_uses_are_written_when_the_service_closes(
    settings: Settings, services: Services, alice: Caller, clock: FakeClock
) -> None:
    key, _ = await made(services, alice)
    other = wire(settings, clock=clock)
    other.api_keys.touch(key)
    await other.api_keys.flush()
    clock.advance(10)
    other.api_keys.touch(key)

    await other.close()

    assert await stored(services, key) == utc(clock)


async def test_a_late_write_does_not_turn_the_moment_back(
    settings: Settings, services: Services, alice: Caller, clock: FakeClock
) -> None:
    key, _ = await made(services, alice)
    late = LastUsed(database=services.database, clock=clock, interval=30)
    late.note(key.id)
    await late.flush()
    late.note(key.id)
    clock.advance(5)
    services.api_keys.touch(key)
    await services.api_keys.flush()

    await late.flush()

    assert await stored(services, key) == utc(clock)


async def test_what_is_remembered_of_uses_is_bounded(
    services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_NOTED", 10)
    last_used = LastUsed(database=services.database, clock=clock, interval=30)

    for _ in range(100):
        last_used.note(new_id())

    assert len(last_used._noted) == 10
    await last_used.flush()
    assert len(last_used._noted) == 0


async def test_uses_that_the_database_refused_wait_for_the_next_time(
    services: Services, alice: Caller, clock: FakeClock
) -> None:
    key, _ = await made(services, alice)
    await services.database.write(lambda c: c.exec_driver_sql("ALTER TABLE api_keys RENAME TO x"))

    services.api_keys.touch(key)
    with capture_logs() as lines:
        await services.api_keys.flush()
    await services.database.write(lambda c: c.exec_driver_sql("ALTER TABLE x RENAME TO api_keys"))
    await services.api_keys.flush()

    assert "last uses not written" in [line["event"] for line in lines]
    assert await stored(services, key) == utc(clock)


async def test_records_of_keys_that_ended_long_ago_are_forgotten(
    services: Services, alice: Caller, clock: FakeClock
) -> None:
    revoked, _ = await made(services, alice)
    await services.api_keys.revoke(alice, revoked.id, alice.attempt("api_key_revoke"))
    await made(services, alice, expires_in=1)
    kept, _ = await made(services, alice, expires_in=1000)
    lasting, _ = await made(services, alice)
    clock.advance(100)

    forgotten = [
        await services.api_keys.forget_ended(before=utc(clock), limit=limit) for limit in (1, 5)
    ]

    assert forgotten == [1, 1]
    assert {key.id for key in await services.api_keys.list(alice)} == {kept.id, lasting.id}
