"""What is asked in one moment travels together, and nobody suffers for those who go along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.waiting import until
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.gathering import MOST, UNDER_WAY, Gathering


class Doubling:
    """Answers a number with its double, and remembers what was asked together."""

    def __init__(self) -> None:
        self.units: list[list[int]] = []
        self.refused: set[int] = set()

    def one(self, connection: Connection, asked: int, /) -> int:
        return self.several(connection, [asked])[0]

    def several(self, connection: Connection, asked: Sequence[int], /) -> Sequence[int]:
        self.units.append(list(asked))
        if self.refused & set(asked):
            raise ValueError("this can't be asked")
        return [2 * number for number in asked]


class Held:
    """A database whose units end when they are told to."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Event] = []
        self.away = False

    async def run(self, work: Callable[[Any], Any]) -> Any:
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if self.away:
            raise DatabaseUnavailable
        return work(None)

    def end(self) -> None:
        for gate in self.gates:
            gate.set()


async def at_once(work: Callable[[Any], Any]) -> Any:
    return work(None)


async def test_what_is_asked_in_one_turn_leaves_as_one() -> None:
    doubling, gathering = Doubling(), Gathering(at_once)

    answers = await asyncio.gather(*(gathering.ask(doubling, number) for number in range(5)))

    assert answers == [0, 2, 4, 6, 8]
    assert doubling.units == [[0, 1, 2, 3, 4]]


async def test_who_asks_alone_asks_alone() -> None:
    doubling, gathering = Doubling(), Gathering(at_once)

    assert await gathering.ask(doubling, 1) == 2
    assert await gathering.ask(doubling, 2) == 4
    assert doubling.units == [[1], [2]]


async def test_kinds_go_their_own_ways() -> None:
    first, second, gathering = Doubling(), Doubling(), Gathering(at_once)

    await asyncio.gather(gathering.ask(first, 1), gathering.ask(second, 2))

    assert (first.units, second.units) == ([[1]], [[2]])


async def test_nobody_joins_what_has_left() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run)
    before = gathering.ask(doubling, 1)
    await until(lambda: len(held.gates) == 1)

    after = gathering.ask(doubling, 1)
    await until(lambda: len(held.gates) == 2)
    held.end()

    assert (await before, await after) == (2, 2)
    assert doubling.units == [[1], [1]]


async def test_the_next_wait_for_one_to_come_back_and_leave_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vestibule.storage.gathering.PATIENCE", 3600)
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run)
    answers = []
    for number in range(UNDER_WAY):
        answers.append(gathering.ask(doubling, number))
        await until(lambda number=number: len(held.gates) == number + 1)  # type: ignore[misc]
    answers += [gathering.ask(doubling, number) for number in (7, 8, 9)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gathering.waiting == 3
    assert len(held.gates) == UNDER_WAY

    held.gates[0].set()
    await until(lambda: len(held.gates) == UNDER_WAY + 1)
    held.end()
    await asyncio.gather(*answers)

    assert [7, 8, 9] in doubling.units
    assert gathering.waiting == 0


async def test_what_is_stuck_does_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestibule.storage.gathering.PATIENCE", 0)
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run)
    stuck = []
    for number in range(UNDER_WAY + 1):
        stuck.append(gathering.ask(doubling, number))
        await until(lambda number=number: len(held.gates) == number + 1)  # type: ignore[misc]

    held.gates[-1].set()

    assert await stuck[-1] == 2 * UNDER_WAY
    assert not any(answer.done() for answer in stuck[:-1])
    held.end()
    await asyncio.gather(*stuck)
    await gathering.close()


async def test_one_that_cannot_be_asked_fails_alone() -> None:
    doubling, gathering = Doubling(), Gathering(at_once)
    doubling.refused = {3}

    answers = await asyncio.gather(
        *(gathering.ask(doubling, number) for number in range(5)), return_exceptions=True
    )

    assert isinstance(answers.pop(3), ValueError)
    assert answers == [0, 2, 4, 8]
    assert doubling.units == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]


async def test_a_database_that_is_away_is_asked_once() -> None:
    doubling, held = Doubling(), Held()
    held.away = True
    gathering = Gathering(held.run)
    answers = [gathering.ask(doubling, number) for number in range(3)]
    await until(lambda: len(held.gates) == 1)
    held.end()

    results = await asyncio.gather(*answers, return_exceptions=True)

    assert [type(result) for result in results] == [DatabaseUnavailable] * 3
    assert len(held.gates) == 1


async def test_who_has_gone_is_not_asked_for() -> None:
    doubling, gathering = Doubling(), Gathering(at_once)
    gone, stays = gathering.ask(doubling, 1), gathering.ask(doubling, 2)
    gone.cancel()

    assert await stays == 4
    assert doubling.units == [[2]]


async def test_one_unit_holds_so_many() -> None:
    doubling, gathering = Doubling(), Gathering(at_once)

    answers = await asyncio.gather(*(gathering.ask(doubling, n) for n in range(MOST + 1)))

    assert answers == [2 * number for number in range(MOST + 1)]
    assert sorted(map(len, doubling.units)) == [1, MOST]


async def test_closing_waits_for_what_was_asked() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run)
    answer = gathering.ask(doubling, 1)
    closing = asyncio.create_task(gathering.close())
    await until(lambda: len(held.gates) == 1)
    assert not closing.done()

    held.end()
    await closing

    assert answer.done()
