"""What may be used once is used once, and a second try costs nobody anything."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from tests.world import FakeClock
from vestibule.settings import Settings
from vestibule.wiring import Services, wire


async def test_of_many_at_the_same_instant_one_is_first(
    services: Services, settings: Settings, clock: FakeClock
) -> None:
    other = wire(settings, clock=clock)
    until = clock.now + 60

    firsts = await asyncio.gather(
        *(
            instance.replays.first_use("a proof", expires_at=until)
            for instance in (services, other) * 10
        )
    )

    assert sum(firsts) == 1
    await other.close()


async def test_a_replay_does_not_undo_what_is_written_along_with_it(
    services: Services, clock: FakeClock
) -> None:
    until = clock.now + 60
    await services.replays.first_use("a proof", expires_at=until)
    runs = []

    def write(connection: Connection) -> None:
        runs.append(connection)

    _, again, _ = await asyncio.gather(
        services.database.write(write),
        services.replays.first_use("a proof", expires_at=until),
        services.database.write(write),
    )

    assert again is False
    assert len(runs) == 2
