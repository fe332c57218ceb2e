"""The comparison with others: what its tables say, how answers are read, and that it measures."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.peers import render, rows
from bench.peers.__main__ import PEERS, in_turn
from bench.peers.client import Parsed, Patient, parse
from bench.peers.environment import planned
from bench.peers.glewlwyd import configuration
from bench.peers.measure import Effort, Round, measure
from bench.peers.peer import Command, UnavailableError, request
from bench.peers.processes import await_status, family, proportional, run, started, used
from bench.peers.vestibule import Vestibule

PAGES = Path(__file__).parents[2] / "docs" / "src" / "content" / "docs"

ROUND = Round(
    logins=100.0,
    bare=105.0,
    share=100 / 105,
    p50=640.0,
    p99=700.0,
    health_p50=1.0,
    health_p99=12.0,
    probes=60,
    refused=0,
    ready_seconds=0.6,
    first_login_seconds=0.7,
    memory_mb=90.0,
    database_mb=0.0,
    cpu_ms=21.0,
    hash_cpu_ms=20.0,
    client_cpu_ms=0.3,
)


def a_row(name: str, hashing: str = "Argon2id", *, own: bool = True, **changed: Any) -> rows.Row:
    median = dataclasses.replace(ROUND, **changed)
    return rows.Row(name, hashing, own, "somehow", median, [median.share])


def a_report(*found: rows.Row) -> rows.Report:
    return rows.Report(2, "2 cores", 3, {"Vestibule": ["vestibule 1"]}, list(found))


# What is written


def test_a_row_is_the_median_of_its_rounds_and_the_sum_of_their_refusals() -> None:
    rounds = [
        dataclasses.replace(ROUND, logins=logins, share=share, refused=refused)
        for logins, share, refused in ((90.0, 0.9, 1), (100.0, 0.7, 0), (95.0, 0.8, 2))
    ]

    row = rows.row(Vestibule(), rounds, None)

    assert row.median is not None
    assert (row.median.logins, row.median.share, row.median.refused) == (95.0, 0.8, 3)
    assert row.shares == [0.9, 0.7, 0.8]


def test_each_service_of_a_hash_is_the_first_in_one_round() -> None:
    hashes = [peer.hashing for peer in PEERS]
    orders = [in_turn(PEERS, number) for number in (1, 2, 3)]

    assert orders[0] == list(range(len(PEERS)))
    assert [sorted(order) for order in orders] == [orders[0]] * 3
    assert [[hashes[place] for place in order] for order in orders] == [hashes] * 3
    assert [order[0] for order in orders] == [0, 1, 2]


def test_a_service_that_failed_once_has_its_reason_and_no_figures() -> None:
    row = rows.row(Vestibule(), [ROUND], "it ended with 1")

    written = render.render(a_report(row))

    assert row.median is None
    assert "not measured: it ended with 1" in written


def test_a_report_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    unavailable = rows.Row("glewlwyd", "PBKDF2", True, "apt", unavailable="this is not a Debian")
    report = a_report(a_row("Vestibule", share=0.9524), unavailable)

    report.dump(tmp_path / "peers.json")

    read = rows.load(tmp_path / "peers.json")
    assert read.rows[1] == unavailable
    assert read.rows[0].median is not None
    assert read.rows[0].median.share == 0.9524
    assert render.render(read).splitlines()[0] == render.render(report).splitlines()[0]


def test_services_are_put_side_by_side_where_their_hash_is_the_same() -> None:
    ours, theirs = a_row("Vestibule"), a_row("fastapi-users", own=False)
    dearer = a_row("fastapi-users", "dearer Argon2id")
    alone = a_row("Keystone", "bcrypt")

    found = render.same_hash([ours, alone, dearer, theirs])

    assert found == [ours, theirs]


def test_the_table_says_what_was_measured() -> None:
    row = a_row("Vestibule", refused=4)

    written = render.render(a_report(row, a_row("Other", share=0.5, p99=12_345.0)))

    ours = "| Vestibule (4 refused) | Argon2id | 100.0 | 105.0 | 0.952 |"
    assert f"{ours} 1.00 | 640 | 700 | 1.0 | 12.0 |" in written
    assert f"{ours} 21.0, 20.0 | 640 | 700 | 1.0 | 12.0 |" in written
    assert "| Other | Argon2id | 100.0 | 105.0 | 0.500 | 1.00 | 640 | 12,345 |" in written
    assert "| Vestibule: somehow | 0.60 | 0.70 | 90 | - |" in written
    assert "- Vestibule: vestibule 1" in written


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    failed = rows.Row("Keystone", "bcrypt", True, "uWSGI", unavailable="no compiler")

    lines = render.render(a_report(a_row("Vestibule"), a_row("Other"), failed)).splitlines()

    for index, line in enumerate(lines):
        if line.startswith("|") and lines[index - 1].startswith("|"):
            assert line.count("|") == lines[index - 1].count("|"), line


def test_it_is_said_where_others_are_ahead() -> None:
    other = a_row("Other", share=0.97, memory_mb=20.0, database_mb=30.0, health_p99=90.0)

    found = render.behind([a_row("Vestibule", share=0.95), other])

    assert "share of the bare hash rate, with Argon2id: Other 0.97; Vestibule 0.95" in found
    assert "memory, each as it comes: Other 50; Vestibule 90" in found
    assert not [line for line in found if line.startswith(("health", "start"))]


def test_a_service_is_not_ahead_by_the_difference_of_two_large_figures() -> None:
    dear = a_row("Other", "PBKDF2", cpu_ms=300.0, hash_cpu_ms=305.0)

    found = render.behind([a_row("Vestibule"), dear])

    assert found == ["Nowhere in these figures was a service ahead of Vestibule."]


def test_only_what_stands_between_the_marks_is_written_anew() -> None:
    page = f"before\n{render.BEGIN}\nold\n{render.END}\nafter\n"

    written = render.insert(page, "new\n")

    assert written == f"before\n{render.BEGIN}\n\nnew\n\n{render.END}\nafter\n"
    with pytest.raises(ValueError, match="no marks"):
        render.insert("before", "new")


def test_the_page_of_the_repository_can_be_written() -> None:
    page = (PAGES / "peers.md").read_text()

    assert "NEW" in render.insert(page, "NEW")


# What is read


@pytest.mark.parametrize(
    ("received", "ended", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", False, Parsed(200, True, 0)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", False, None),
        (b"HTTP/1.1 200 OK\r\nContent-Len", False, None),
        (
            b"HTTP/1.1 201 C\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
            False,
            Parsed(201, False, 0),
        ),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False, Parsed(200, False, 0)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False, None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            False,
            Parsed(200, True, 0),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nok", False, None),
        (b"HTTP/1.1 200 OK\r\n\r\nok", True, Parsed(200, False, 0)),
        (
            b"HTTP/1.1 429 No\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n",
            False,
            Parsed(429, True, 7),
        ),
    ],
)
def test_an_answer_is_read_once_it_is_whole(
    received: bytes, ended: bool, expected: Parsed | None
) -> None:
    assert parse(received, ended=ended) == expected


@asynccontextmanager
async def a_server(answer: bytes, *, hang_up_on_first: bool = False) -> AsyncIterator[int]:
    """Answers each connection once and hangs up; perhaps the first without an answer."""
    seen: list[None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(None)
        if not (hang_up_on_first and len(seen) == 1):
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("hang_up_on_first", [False, True])
async def test_a_connection_that_was_closed_is_opened_again(hang_up_on_first: bool) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with a_server(answer, hang_up_on_first=hang_up_on_first) as port:
        connection = Patient(port)
        await connection.open()

        async with asyncio.timeout(10):
            answers = [await connection.ask(request("GET", "/")) for _ in range(3)]

        connection.close()
    assert [one.status for one in answers] == [200, 200, 200]
    assert all(one.seconds > 0 for one in answers)


async def test_a_service_that_always_hangs_up_is_an_error_and_no_endless_loop() -> None:
    async with a_server(b"") as port:
        connection = Patient(port)
        await connection.open()

        with pytest.raises(ConnectionError):
            await connection.ask(request("GET", "/"))


def test_a_request_with_a_body_says_how_long_it_is() -> None:
    assert request("GET", "/a") == b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert request("POST", "/a", body=b"{}").endswith(b"\r\nContent-Length: 2\r\n\r\n{}")


def test_memory_and_processor_time_are_read_from_what_the_kernel_says() -> None:
    stat = "7 (a (name) b) S 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 5 0 0"

    assert proportional("Rss: 9999 kB\nPss:                2048 kB\nPss_Dirty: 4 kB\n") == 2.0
    assert used(stat) == 300 / os.sysconf("SC_CLK_TCK")


def test_the_packages_that_are_missing_are_read_from_the_plan() -> None:
    plan = "The following:\n  a b\nInst liboath0 (2.6 Debian)\nInst glewlwyd (2.7)\nConf glewlwyd\n"

    assert planned(plan) == ["liboath0", "glewlwyd"]


def test_the_sample_configuration_of_glewlwyd_is_pointed_at_its_folder() -> None:
    sample = (
        'port=4593\n#bind_address="127.0.0.1"\nlog_level="INFO"\ncookie_secure=1\nexternal_url="http://localhost:4593"\n'
        'plugin_module_path="/usr/lib/glewlwyd/plugin"\npath = "/var/cache/glewlwyd/glewlwyd.db"\n'
    )

    changed = configuration(sample, root=Path("/r"), port=81, database=Path("/d/g.db"))

    assert changed == (
        'port=81\nbind_address="127.0.0.1"\nlog_level="WARNING"\ncookie_secure=0\nexternal_url="http://127.0.0.1:81"\n'
        'plugin_module_path="/r/usr/lib/glewlwyd/plugin"\npath = "/d/g.db"\n'
    )


# What is run


def test_what_a_service_started_ends_with_it(tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    parent = (
        f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {child!r}]); "
        "print(c.pid, flush=True); c.wait()"
    )
    log = tmp_path / "log"

    with started(Command([sys.executable, "-c", parent]), log) as process:
        end = time.monotonic() + 30
        while not log.read_text().endswith("\n"):
            assert process.poll() is None
            assert time.monotonic() < end
        child_pid = int(log.read_text())
        assert child_pid in family(process.pid)

    assert process.poll() is not None
    stat = Path(f"/proc/{child_pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(") ")[2].startswith("Z")


def test_a_command_that_fails_says_why_in_its_last_line() -> None:
    script = "import sys; print('first', file=sys.stderr); sys.exit('no such package')"

    with pytest.raises(UnavailableError, match="failed: no such package"):
        run(Command([sys.executable, "-c", script]))


def test_a_service_that_ends_at_once_is_not_waited_for(tmp_path: Path) -> None:
    with (
        started(Command([sys.executable, "-c", "raise SystemExit(3)"]), tmp_path / "log") as one,
        pytest.raises(UnavailableError, match="ended with 3"),
    ):
        await_status(one, 1, b"", 200)


def test_vestibule_is_measured_like_any_other(tmp_path: Path) -> None:
    peer = Vestibule()

    with peer.prepared(tmp_path) as prepared:
        found = measure(peer, prepared, tmp_path, Effort(load=1.0, bare=1.0, rounds=1))

    # A busy machine hashes slowly, so some may be refused by the deadline.
    assert found.logins > 1
    assert 0.1 < found.share < 10
    assert found.hash_cpu_ms > 1
    assert found.cpu_ms > 1
    assert 20 < found.memory_mb < 1_000
    assert 0 < found.ready_seconds < found.first_login_seconds
    assert found.probes > 1
