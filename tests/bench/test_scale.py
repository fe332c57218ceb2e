"""The benchmarks at scale: what they count, how their load comes, and that they measure."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from bench.__main__ import AT_SCALE, parsed
from bench.cpu import Meters, between, busy, ended, pin, strangers, tree_seconds
from bench.load import HEALTH
from bench.scale import crowd, growth
from bench.scale.drivers import drivers
from bench.scale.effort import Effort
from bench.scale.growth import Cost, ratios
from bench.scale.imports import imports
from bench.scale.instances import corrected, instances
from bench.scale.open_loop import (
    NO_ANSWER,
    Outcome,
    Pool,
    arrivals,
    goodput,
    latencies,
    open_loop,
)
from bench.scale.overload import (
    NORMAL,
    Capacity,
    Round,
    cost_of_refusal,
    share_left,
    time_to_normal,
    told,
)
from bench.scale.scaled import scaled
from bench.tokens import SERVICE
from sqlalchemy import func, select

from tests.docs.conftest import ROOT
from tests.docs.samples import blocks
from tests.postgres import PostgresServer
from vestibule.audit.models import audit_events
from vestibule.ids import floor_id
from vestibule.orgs.models import memberships, organizations
from vestibule.sessions.models import sessions
from vestibule.storage.opening import run_once
from vestibule.users.models import users

# A service of which the test says what it answers


class Scripted:
    """Answers with these statuses, one after the other; each time once `ready` is set."""

    def __init__(self, statuses: Iterator[int]) -> None:
        self.port = 0
        self.asked = 0
        self.connections: list[asyncio.StreamWriter] = []
        self.ready = asyncio.Event()
        self.ready.set()
        self.ready_after = 0
        self._statuses = statuses

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                if self.asked == self.ready_after:
                    self.ready.set()
                await self.ready.wait()
                writer.write(f"HTTP/1.1 {next(self._statuses)} X\r\n".encode())
                writer.write(b"content-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(statuses: Iterator[int]) -> AsyncIterator[Scripted]:
    service = Scripted(statuses)
    async with await asyncio.start_server(service.serve, "127.0.0.1", 0) as server:
        service.port = server.sockets[0].getsockname()[1]
        yield service
        server.close()
        service.ready.set()
        for writer in service.connections:
            writer.close()


def health() -> bytes:
    return HEALTH


# Load that comes as it comes


def test_arrivals_come_at_the_rate_that_was_asked_for_and_in_order() -> None:
    schedule = arrivals(200, 50, random=Random(1))

    assert schedule == sorted(schedule)
    assert schedule[0] > 0
    assert schedule[-1] < 50
    assert len(schedule) == pytest.approx(200 * 50, rel=0.05)


def test_arrivals_are_at_random_and_the_same_for_the_same_seed() -> None:
    schedule = arrivals(100, 10, random=Random(2))
    gaps = [later - earlier for earlier, later in itertools.pairwise(schedule)]

    # Of independent arrivals, the gaps' deviation is their mean.
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert deviation == pytest.approx(mean, rel=0.15)
    assert schedule == arrivals(100, 10, random=Random(2))


async def test_nobody_waits_for_the_answers_of_those_who_came_before() -> None:
    async with scripted(itertools.repeat(200)) as service:
        service.ready.clear()
        service.ready_after = 5  # none is answered before all have asked

        outcomes = await open_loop(
            [service.port], [0.001 * n for n in range(5)], request=health, patience=2
        )

    assert [one.status for one in outcomes] == [200] * 5


async def test_arrivals_go_to_the_ports_in_turn() -> None:
    async with scripted(itertools.repeat(200)) as one, scripted(itertools.repeat(429)) as other:
        outcomes = await open_loop([one.port, other.port], [0.0] * 6, request=health)

    assert [outcome.status for outcome in outcomes] == [200, 429] * 3


async def test_a_client_that_is_late_counts_from_when_it_should_have_asked() -> None:
    async with scripted(itertools.repeat(200)) as service:
        (outcome,) = await open_loop([service.port], [-3.0], request=health)

    assert 3.0 <= outcome.seconds < 8.0


async def test_who_gets_no_answer_in_time_is_told_apart() -> None:
    async with scripted(itertools.repeat(200)) as service:
        service.ready.clear()

        outcomes = await open_loop([service.port], [0.0, 0.0], request=health, patience=0.05)

    assert [one.status for one in outcomes] == [NO_ANSWER, NO_ANSWER]


async def test_each_is_waited_for_as_long_as_the_others() -> None:
    async with scripted(itertools.repeat(200)) as service:
        service.ready.clear()

        async with asyncio.timeout(10):
            outcomes = await open_loop(
                [service.port], [0.0, 0.1, 0.2], request=health, patience=0.15
            )

    assert [one.status for one in outcomes] == [NO_ANSWER] * 3
    assert all(one.seconds >= 0.14 for one in outcomes)


async def test_what_goes_wrong_in_asking_is_raised() -> None:
    def none_left() -> bytes:
        raise LookupError

    async with scripted(itertools.repeat(200)) as service:
        with pytest.raises(LookupError):
            await open_loop([service.port], [0.0, 0.0], request=none_left)


async def test_a_connection_is_used_again_until_the_service_hangs_up() -> None:
    async with scripted(itertools.repeat(200)) as service:
        pool = Pool(service.port)
        await pool.ask(HEALTH)
        await pool.ask(HEALTH)
        assert pool.opened == 1

        service.connections[0].close()
        await service.connections[0].wait_closed()
        await Pool(service.port).ask(HEALTH)  # by when the client has heard of it

        async with asyncio.timeout(5):
            assert await pool.ask(HEALTH) == 200
        assert pool.opened == 2
        pool.close()


def test_goodput_counts_what_succeeded_in_time_while_the_load_was_on() -> None:
    outcomes = [
        Outcome(0.0, 200, 1.0),
        Outcome(1.0, 200, 2.5),  # after its deadline
        Outcome(9.5, 200, 0.6),  # after the load
        Outcome(2.0, 429, 0.1),
        Outcome(2.0, NO_ANSWER, 0.1),
        Outcome(8.0, 200, 2.0),
    ]

    assert goodput(outcomes, seconds=10, deadline=2.0) == 0.2
    assert latencies(outcomes, 200) == [0.6, 1.0, 2.0, 2.5]


async def test_it_is_back_after_so_many_normal_logins_in_a_row() -> None:
    statuses = [429, 200, 200, 429, *[200] * NORMAL]
    async with scripted(iter([*statuses, *[500] * 9])) as service:
        back = await time_to_normal([service.port], health, normal=10, every=0)

    assert service.asked == len(statuses)
    assert 0 < back < 10


async def test_logins_that_take_too_long_are_not_normal() -> None:
    async with scripted(itertools.repeat(200)) as service:
        back = await time_to_normal([service.port], health, normal=0, every=0, give_up=0.05)

    assert back == math.inf
    assert service.asked >= 1


def test_what_the_admitted_logins_do_not_account_for_is_the_price_of_refusals() -> None:
    assert cost_of_refusal(25.0, admitted=1000, refused=5000, login=0.02) == 0.001
    assert math.isnan(cost_of_refusal(20.0, admitted=1000, refused=0, login=0.02))


def test_what_the_load_generator_uses_is_not_there_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    assert share_left(0.5) == 0.75


def test_overload_is_told_by_round_and_by_what_the_rounds_show_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    def round_of(served: int, *others: Outcome) -> Round:
        """Ten seconds in which so many are served, and 30 refused late."""
        outcomes = [
            *[Outcome(0.0, 200, 1.5)] * served,
            Outcome(9.5, 200, 1.0),  # after the load
            *[Outcome(1.0, 429, 0.2)] * 30,
            *others,
        ]
        capacity = Capacity(logins=10.0, each=0.1, load=0.0)
        used = {SERVICE: 0.1 * served + 3.0, "load": 2.0, "machine": 0.0}
        return Round(capacity, capacity, outcomes, [0.004], 1.25, used, 10.0, 2.0)

    rounds = [round_of(50), round_of(90), round_of(80, Outcome(1.0, 500, 0.1))]
    lines = list(told(rounds))

    assert lines[4].split(" | ")[1:] == [
        "10.0, 10.0", "12.1", "9.0", "0.900", "1.000", "1500, 1500", "200.0, 200.0", "4.0",
        "1.25 |",
    ]  # fmt: skip
    assert lines[7:] == [
        "- goodput over the mean capacity: median 0.800 (goal 0.9)",
        "- the same without what the load generator took: median 0.889",
        "- admitted, p99: at most 1500 ms (goal 2000)",
        "- refused after 100 ms or more: 90 of 90",
        "- neither served nor refused: 1 500 (goal none)",
        "- 5 normal logins in a row: 1.25 s after at most (goal 5)",
        "- core-milliseconds: 100.00 for each refusal, of what the service used beside the logins "
        "that it served; 17.86 of the load generator for each arrival",
        "- strangers used 0.00 cores meanwhile",
    ]


# Processor time of a tree of processes


BURN = "import time\nwhile time.process_time() < 0.3: pass"
LINGER = "\nprint(flush=True)\ninput()"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
alive = subprocess.Popen([sys.executable, "-c", {BURN + LINGER!r}])
alive.wait()
"""


@contextmanager
def family_that_worked() -> Iterator[int]:
    """A process with a child that used 0.3 s and ended, and one that used 0.3 s and lives."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.write(b"\n")


def test_a_tree_has_used_what_its_living_and_its_ended_children_used() -> None:
    with family_that_worked() as root:
        seconds = tree_seconds(root)

    assert 0.58 <= seconds < 3.0


def test_the_children_that_ended_are_in_two_fields_of_a_stat() -> None:
    stat = "7 (a) name) S 1 7 7 0 -1 0 0 0 0 0 100 200 30 40 20 0 1 0"

    assert ended(stat) == 70 / os.sysconf("SC_CLK_TCK")


def test_what_no_part_used_is_that_of_strangers() -> None:
    used = {"service": 3.0, "load": 0.5, "machine": 4.5}

    assert strangers(used) == 1.0
    assert strangers({**used, "machine": 3.4}) == 0.0  # it is counted in ticks


def test_a_machine_is_busy_while_it_is_neither_idle_nor_waiting_for_a_disk() -> None:
    stat = "cpu  100 10 50 9000 700 1 2 40 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"

    assert busy(stat) == 203 / os.sysconf("SC_CLK_TCK")


def test_meters_tell_the_parts_apart_and_the_load_generator_too() -> None:
    with family_that_worked() as root:
        meters = Meters({"worked": [root], "nothing": []})
        before = meters.read()
        sum(range(200_000))
        used = between(before, meters.read())

    assert before["worked"] >= 0.58
    assert before["nothing"] == 0
    assert used["load"] > 0
    assert used["worked"] < 0.2
    assert before["machine"] > before["worked"]


def test_a_tree_that_runs_is_pinned_with_its_children() -> None:
    core = min(os.sched_getaffinity(0))
    with family_that_worked() as root:
        children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
        pin(root, {core})
        allowed = [os.sched_getaffinity(pid) for pid in (root, *map(int, children))]

    assert children
    assert allowed == [{core}] * (1 + len(children))


# Ratios


def test_two_instances_are_measured_without_the_cores_that_others_took_from_them() -> None:
    assert corrected(50, 95, used=0.0) == pytest.approx(1.9)
    assert corrected(50, 95, used=0.1) == pytest.approx(2.0)


def test_others_that_have_cores_of_their_own_take_nothing() -> None:
    assert corrected(50, 95, used=0.5, cores=4) == pytest.approx(1.9)


def test_costs_are_compared_within_a_round() -> None:
    smallest = [Cost(60, 40, 1.0), Cost(150, 50, 2.0), Cost(300, 100, 4.0)]
    here = [Cost(60, 50, 1.0), Cost(150, 60, 2.2), Cost(300, 140, 4.4)]

    core, median = ratios(here, smallest)

    assert core == pytest.approx(1.1)
    assert median == pytest.approx(1.1)


# Users


def test_a_crowd_is_made_once_and_again_where_it_is_to_be_another(
    postgres: PostgresServer,
) -> None:
    url = crowd.ensure(postgres, "crowd", 1500, password_hash="$argon2id$v=19$m=8$salt$hash")
    run_once(url, lambda c: c.execute(users.update().values(first_name="touched")).close())

    crowd.ensure(postgres, "crowd", 1500, password_hash="$argon2id$v=19$m=8$other$other")
    assert _count(url, users, users.c.first_name == "touched") == 1500

    crowd.ensure(postgres, "crowd", 2100, password_hash="$argon2id$v=19$m=8$salt$hash")
    assert _count(url, users, users.c.first_name == "touched") == 0
    assert _count(url, users) == 2100
    assert _count(url, sessions.join(users, sessions.c.user_id == users.c.id)) == 2100
    assert _count(url, memberships.join(organizations)) == 2100
    assert _count(url, organizations) == 3
    recently = floor_id(datetime.now(UTC) - timedelta(days=31))
    for table in (users, sessions, audit_events):  # housekeeping forgets none of them
        assert _count(url, table, table.c.id > recently) == 2100
    asyncio.run(crowd.warm(url, [0, 17, 2099]))
    with pytest.raises(RuntimeError, match="1 were found"):
        asyncio.run(crowd.warm(url, [2099, 2100]))


def _count(url: str, table: object, *where: object) -> int:
    statement = select(func.count()).select_from(table).where(*where)  # type: ignore[arg-type]
    return int(run_once(url, lambda connection: connection.execute(statement).scalar_one()))


# The whole


def test_the_commands_of_the_guide_are_there() -> None:
    page = ROOT / "docs" / "src" / "content" / "docs" / "benchmarks-at-scale.md"
    (sample,) = [block.text for block in blocks(page) if block.language == "sh"]
    lines = [shlex.split(line, comments=True) for line in sample.splitlines()]

    assert {tuple(line[:3]) for line in lines} == {(".venv/bin/python", "-m", "bench")}
    assert {name for line in lines for name in parsed(line[3:]).names} == set(AT_SCALE)


def test_two_instances_are_measured_with_all_who_have_part_in_it() -> None:
    lines = list(scaled(Effort(rounds=1, seconds=1.0)))

    rows = [line for line in lines if line.startswith("| 1 |")]
    assert len(rows) == 3
    for row in rows:  # two rates and what they are to another
        assert all(float(cell.replace(",", "")) > 0 for cell in row.split(" | ")[1:4])
    assert any(line.startswith("- throughput at 64 at once") for line in lines)


def test_a_second_instance_is_measured_by_all_that_is_asked_of_it() -> None:
    lines = list(instances(Effort(rounds=1, seconds=1.0)))

    rows = [line.strip("|").split("|") for line in lines if line.startswith("| 1 |")]
    assert [row[1].strip() for row in rows[1:]] == ["refreshes", "introspections"]
    assert all(float(cell.replace(",", "")) > 0 for row in rows[1:] for cell in row[2:])
    assert len([line for line in lines if line.startswith("- ")]) == 6


def test_growth_compares_each_size_with_the_smallest() -> None:
    lines = list(growth.growth(Effort(rounds=1, seconds=0.2, users=(30, 60))))

    assert [line.split(" | ")[:2] for line in lines[2:8]] == [
        [f"| {size}", kind] for size in (30, 60) for kind in growth.KINDS
    ]
    assert all(line.endswith("| 1.000 | 1.000 |") for line in lines[2:5])


def test_each_driver_looks_up_and_writes() -> None:
    lines = list(drivers(Effort(rounds=1, seconds=0.2)))

    rows = [line.split(" | ") for line in lines if line.startswith("| 1 |")]
    assert [row[1] for row in rows] == ["asyncpg", "psycopg"] * 2
    assert all(float(cell.replace(",", "")) > 0 for row in rows for cell in row[2:5])
    assert [row[5] for row in rows[::2]] == ["1.00 |"] * 2


# Users in and out


def test_users_are_brought_in_and_taken_out_on_both_databases() -> None:
    lines = list(imports(Effort(users=(50,))))

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[:2] for row in rows] == [["SQLite", "50"], ["PostgreSQL", "50"]]
    assert all(float(cell.replace(",", "")) > 0 for row in rows for cell in row[2:])
