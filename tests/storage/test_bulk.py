"""Many rows at once, the same on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import astuple, replace
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.postgres import PostgresServer
from vestibule.orgs import repository as orgs
from vestibule.storage import bulk
from vestibule.storage.postgres import PostgresDatabase
from vestibule.users import repository
from vestibule.users.models import User
from vestibule.wiring import Services


def new(services: Services, name: str, *, first_name: str = "") -> User:
    return services.users.new(
        username=name, email_address=f"{name}@example.org", first_name=first_name
    )


@pytest.fixture(params=["copied", "inserted"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as on a database that only speaks PostgreSQL's protocol."""
    if request.param == "inserted":
        monkeypatch.setattr(bulk, "_copies", lambda _connection: False)


@pytest.mark.usefixtures("_way")
async def test_of_rows_that_forbid_one_another_the_first_goes_in(services: Services) -> None:
    there = new(services, "there")
    await services.database.write(lambda c: repository.add(c, [there]))
    first, second = new(services, "same", first_name="First"), new(services, "same")
    address = replace(new(services, "other"), email_address="there@example.org")
    fresh = replace(new(services, "fresh", first_name='\\N "Ä'), email_address=None)

    inserted = await services.database.write(
        lambda c: repository.add_absent(c, [first, new(services, "there"), second, address, fresh])
    )

    assert inserted == {first.id, fresh.id}
    for user in (there, first, fresh):
        found = await services.users.named(user.username)
        assert astuple(found) == astuple(user)


async def test_of_none_none_is_added(services: Services) -> None:
    assert await services.database.write(lambda c: repository.add_absent(c, [])) == set()
    await services.database.write(lambda c: orgs.add_members(c, []))


@pytest.mark.usefixtures("_way")
async def test_a_key_that_refers_to_nothing_is_refused_and_nothing_is_written(
    services: Services,
) -> None:
    user = new(services, "alice")
    member = {"user_id": user.id, "org_id": user.id, "role": "member", "joined_at": user.created_at}

    def both(connection: Connection) -> None:
        repository.add_absent(connection, [user])
        orgs.add_members(connection, [member])

    with pytest.raises(IntegrityError) as refused:
        await services.database.write(both)

    assert "alice" not in str(refused.value)
    assert not await services.users.exist()


async def test_a_connection_whose_copy_was_cut_off_is_not_used_again(
    postgres: PostgresServer,
) -> None:
    # One connection, so that what comes next would meet the one that was cut off.
    url = await asyncio.to_thread(postgres.new_migrated)
    database = PostgresDatabase(url, pool_size=1)
    locker, watcher = PostgresDatabase(url, timeout=60), PostgresDatabase(url)
    held = asyncio.Event()

    def process(connection: Connection) -> object:
        return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    def hold(connection: Connection) -> None:
        connection.execute(text("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE"))
        held.set()
        connection.execute(text("SELECT pg_sleep(600)"))

    def waiting(connection: Connection) -> bool:
        found = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(connection.execute(found).scalar_one() == 1)

    former = await database.read(process)
    lock = asyncio.create_task(locker.write(hold))
    await held.wait()
    task = asyncio.create_task(
        database.write(lambda c: orgs.add_members(c, [{"user_id": UUID(int=0)}]))
    )
    async with asyncio.timeout(30):
        while not await watcher.read(waiting):
            pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    lock.cancel()
    await asyncio.gather(lock, return_exceptions=True)

    assert await database.read(process) != former
    for opened in (database, locker, watcher):
        await opened.close()
