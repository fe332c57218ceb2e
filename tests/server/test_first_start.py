"""What a start makes on an empty database, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr

from tests.world import FakeClock
from vestibule.server.first_start import FirstStart, prepare
from vestibule.server.insecure import insecurities
from vestibule.settings import Settings
from vestibule.wiring import Services, running

INSTANCES = 5


@pytest.fixture
async def instances(settings: Settings, clock: FakeClock) -> AsyncIterator[list[Services]]:
    """Several of one database, none of them started yet."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(running(settings, clock=clock))
            for _ in range(INSTANCES)
        ]


async def start(instances: list[Services]) -> list[FirstStart]:
    made = await asyncio.gather(*(prepare(services) for services in instances))
    return [one for one in made if one is not None]


async def test_of_many_that_start_at_once_one_makes_the_administrator_and_the_key(
    instances: list[Services],
) -> None:
    [made] = await start(instances)

    [user] = (await instances[0].users.search())[0]
    assert (user.username, user.is_admin) == (made.username, True)
    found = [await services.keys.list() for services in instances]
    assert [len(keys) for keys in found] == [1] * INSTANCES
    assert len({keys[0].kid for keys in found}) == 1
    assert len({(await services.keys.signer()).kid for services in instances}) == 1


async def test_an_operator_who_was_first_is_alone(
    instances: list[Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_yet() -> bool:
        return False

    # They were made between this instance's look and its writing.
    await instances[0].users.create(username="olga", is_admin=True)
    monkeypatch.setattr(instances[1].users, "exist", nobody_yet)

    assert await prepare(instances[1]) is None
    assert [user.username for user in (await instances[0].users.search())[0]] == ["olga"]


async def test_where_it_is_switched_off_nobody_is_made(settings: Settings) -> None:
    off = settings.model_copy(update={"first_administrator": False})

    async with running(off) as services:
        assert await prepare(services) is None
        assert not await services.users.exist()
        assert len(await services.keys.list()) == 1


def test_instances_of_one_postgresql_are_told_to_share_the_secret_key() -> None:
    url = SecretStr("postgresql://db/vestibule")
    key = SecretStr("a secret key for tests, 32 characters or more")

    [said] = insecurities(Settings(database_url=url))

    assert "VESTIBULE_SECRET_KEY is not set" in said
    assert insecurities(Settings(database_url=url, secret_key=key)) == []
    assert insecurities(Settings()) == []
