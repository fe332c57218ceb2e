"""What is asked in one moment travels together, and nobody suffers for those who go along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.waiting import until
from vestibule.errors import DatabaseUnavailable
from vestibule.storage.gathering import UNDER_WAY, Gathering

ASKER: ContextVar[str] = ContextVar("asker", default="nobody")


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
    doubling, gathering = Doubling(), Gathering(at_once, most=64)

    answers = await asyncio.gather(*(gathering.ask(doubling, number) for number in range(5)))

    assert answers == [0, 2, 4, 6, 8]
    assert doubling.units == [[0, 1, 2, 3, 4]]


async def test_who_asks_alone_asks_alone() -> None:
    doubling, gathering = Doubling(), Gathering(at_once, most=64)

    assert await gathering.ask(doubling, 1) == 2
    assert await gathering.ask(doubling, 2) == 4
    assert doubling.units == [[1], [2]]


async def test_kinds_go_their_own_ways() -> None:
    first, second, gathering = Doubling(), Doubling(), Gathering(at_once, most=64)

    await asyncio.gather(gathering.ask(first, 1), gathering.ask(second, 2))

    assert (first.units, second.units) == ([[1]], [[2]])


async def test_nobody_joins_what_has_left() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run, most=64)
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
    gathering = Gathering(held.run, most=64)
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
    gathering = Gathering(held.run, most=64)
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
    doubling, gathering = Doubling(), Gathering(at_once, most=64)
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
    gathering = Gathering(held.run, most=64)
    answers = [gathering.ask(doubling, number) for number in range(3)]
    await until(lambda: len(held.gates) == 1)
    held.end()

    results = await asyncio.gather(*answers, return_exceptions=True)

    assert [type(result) for result in results] == [DatabaseUnavailable] * 3
    assert len(held.gates) == 1


async def test_who_has_gone_is_not_asked_for() -> None:
    doubling, gathering = Doubling(), Gathering(at_once, most=64)
    gone, stays = gathering.ask(doubling, 1), gathering.ask(doubling, 2)
    gone.cancel()

    assert await stays == 4
    assert doubling.units == [[2]]


async def test_one_unit_holds_so_many() -> None:
    doubling, gathering = Doubling(), Gathering(at_once, most=4)

    answers = await asyncio.gather(*(gathering.ask(doubling, number) for number in range(5)))

    assert answers == [0, 2, 4, 6, 8]
    assert sorted(map(len, doubling.units)) == [1, 4]


async def test_a_unit_speaks_in_nobodys_name() -> None:
    seen: list[str] = []

    async def run(work: Callable[[Any], Any]) -> Any:
        seen.append(ASKER.get())
        return work(None)

    async def ask(name: str, number: int) -> int:
        ASKER.set(name)
        return await gathering.ask(doubling, number)

    doubling, gathering = Doubling(), Gathering(run, most=64)

    await asyncio.gather(ask("alice", 1), ask("bob", 2))
    await ask("carol", 3)

    assert seen == ["nobody", "nobody"]


async def test_each_gets_an_error_of_its_own() -> None:
    async def run(work: Callable[[Any], Any]) -> Any:
        raise DatabaseUnavailable

    doubling, gathering = Doubling(), Gathering(run, most=64)

    first, second = await asyncio.gather(
        gathering.ask(doubling, 1), gathering.ask(doubling, 2), return_exceptions=True
    )

    assert isinstance(first, DatabaseUnavailable)
    assert isinstance(second, DatabaseUnavailable)
    assert first is not second


async def test_whoever_has_no_answer_when_a_unit_is_broken_off_is_told() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run, most=64)
    answers = [gathering.ask(doubling, number) for number in range(2)]
    await until(lambda: len(held.gates) == 1)

    for task in gathering._lanes[doubling]._tasks:
        task.cancel()

    results = await asyncio.wait_for(asyncio.gather(*answers, return_exceptions=True), 20)
    assert [type(result) for result in results] == [DatabaseUnavailable] * 2


async def test_an_answer_too_few_leaves_nobody_waiting() -> None:
    class Dropping(Doubling):
        def several(self, connection: Connection, asked: Sequence[int], /) -> Sequence[int]:
            return super().several(connection, asked)[1:] if len(asked) > 1 else [7]

    dropping, gathering = Dropping(), Gathering(at_once, most=64)

    results = await asyncio.wait_for(
        asyncio.gather(*(gathering.ask(dropping, number) for number in range(3))), 20
    )

    assert len(results) == 3


async def test_a_unit_of_those_who_have_gone_is_none() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run, most=64)
    gathering.ask(doubling, 1).cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert held.gates == []
    await gathering.close()


async def test_closing_waits_for_what_was_asked() -> None:
    doubling, held = Doubling(), Held()
    gathering = Gathering(held.run, most=64)
    answer = gathering.ask(doubling, 1)
    impatient = asyncio.create_task(gathering.close())
    closing = asyncio.create_task(gathering.close())
    await until(lambda: len(held.gates) == 1)
    impatient.cancel()
    await asyncio.sleep(0)
    assert not closing.done()

    held.end()
    await closing

    assert answer.done()
