"""A client is remembered for a moment, and never longer than anybody could rely on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.world import FakeClock, World
from vestibule.clients import remembering
from vestibule.clients.remembering import MOMENT
from vestibule.settings import Settings
from vestibule.wiring import Services, wire


@pytest.fixture
async def other(settings: Settings, clock: FakeClock) -> AsyncIterator[Services]:
    """Another instance, which nothing is told."""
    made = wire(settings, clock=clock)
    yield made
    await made.close()


class Counted:
    """How often the database is asked, and what happens once it has answered."""

    def __init__(self, services: Services, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        self.then: Any = None
        self._read = services.database.read
        patch.setattr(services.database, "read", self.read)

    async def read(self, work: Any) -> Any:
        self.times += 1
        result = await self._read(work)
        if self.then is not None:
            await self.then()
        return result


@pytest.fixture
def reads(services: Services, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(services, monkeypatch)


async def test_the_database_is_asked_once_a_moment(
    services: Services, world: World, clock: FakeClock, reads: Counted
) -> None:
    await world.client("portal")

    for _ in range(3):
        assert await services.clients.find("portal")
    within = reads.times
    clock.advance(MOMENT)
    assert await services.clients.find("portal")

    assert (within, reads.times) == (1, 2)


async def test_what_is_changed_here_is_known_at_once(services: Services, world: World) -> None:
    await world.client("portal")
    assert await services.clients.find("portal")

    await services.clients.switch("portal", is_active=False)

    assert await services.clients.find("portal") is None


async def test_what_is_changed_elsewhere_is_known_in_a_moment(
    services: Services, world: World, clock: FakeClock, other: Services
) -> None:
    await world.client("portal")
    assert await services.clients.find("portal")

    await other.clients.switch("portal", is_active=False)
    clock.advance(MOMENT)

    assert await services.clients.find("portal") is None


async def test_what_was_not_there_is_asked_for_anew(
    services: Services, world: World, other: Services
) -> None:
    assert await services.clients.find("portal") is None

    await World(other).client("portal")

    assert await services.clients.find("portal")


async def test_what_is_changed_while_it_is_read_is_read_again(
    services: Services, world: World, reads: Counted
) -> None:
    await world.client("portal")

    async def changed() -> None:
        reads.then = None
        await services.clients.switch("portal", is_active=False)

    reads.then = changed
    before = await services.clients.find("portal")

    assert before is not None
    assert await services.clients.find("portal") is None


async def test_only_so_many_are_remembered(
    services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "MOST", 2)
    names = ("one", "two", "three")
    for name in names:
        await world.client(name)
    for name in names:
        assert await services.clients.find(name)

    assert set(services.clients._remembered._known) == {"three"}
