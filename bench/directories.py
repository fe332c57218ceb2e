"""Upstream directories: what an LDAP login costs us, and whether a broken one holds up others."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.slapd import GROUPS, MANAGER, MANAGERS_PASSWORD, PEOPLE, group, person, slapd, user_dn

from bench import service
from bench.cpu import tree_seconds
from bench.load import WARM_UP, closed_loop, login_request, probe
from bench.measures import ROUNDS, SECONDS, run, users_in_turn
from vestibule.settings import Settings

PEOPLE_THERE = 200
ENDING = "#corp"
AT_ONCE = 8
CHEAP = Settings(argon2_memory=8, argon2_time=1)
HANGING = 32
"""Logins at once that a broken directory is asked for: as many as it may be."""


def settings(connection: dict[str, object]) -> dict[str, str]:
    """The environment of a service with this directory for names of the ending."""
    configured = {"key": "corp", "name": "Corp", "suffixes": [ENDING], "connection": connection}
    return {"VESTIBULE_DIRECTORIES": json.dumps([configured])}


def directories() -> Iterator[str]:
    """(g): our own processor time of an LDAP login, and local logins beside a hanging one."""
    yield from _own_time()
    yield ""
    yield from _beside()


def _own_time() -> Iterator[str]:
    yield "Local logins here have a hash that costs nearly nothing, so that all else is compared.\n"
    yield "| round | local, core-ms | LDAP, core-ms | added | slapd, core-ms | LDAP logins/s |"
    yield "|---|---|---|---|---|---|"
    entries = [person(f"p{number}") for number in range(PEOPLE_THERE)]
    members = [user_dn(f"p{number}") for number in range(PEOPLE_THERE)]
    with slapd(*entries, group("everybody", *members)) as directory, _data(CHEAP) as data:
        connection: dict[str, object] = {
            "kind": "ldap",
            "urls": [directory.url],
            "ca_certificates": directory.authorities,
            "bind_dn": MANAGER,
            "bind_password": MANAGERS_PASSWORD,
            "user_base": PEOPLE,
            "group_base": GROUPS,
        }
        assert directory.process is not None
        hashing = {"VESTIBULE_ARGON2_MEMORY": "8", "VESTIBULE_ARGON2_TIME": "1"}
        with service.started(data, {**settings(connection), **hashing}) as target:
            # The first sign-ins make the accounts.
            run(closed_loop(target.port, at_once=AT_ONCE, seconds=SECONDS, request=_people()))
            added, there = [], []
            for index in range(1, ROUNDS + 1):
                local, _, _ = _cost(target, directory.process.pid, users_in_turn(1000))
                ours, theirs, rate = _cost(target, directory.process.pid, _people())
                added.append(ours - local)
                there.append(theirs)
                yield (
                    f"| {index} | {local:.2f} | {ours:.2f} | {added[-1]:.2f} "
                    f"| {theirs:.2f} | {rate:.0f} |"
                )
    yield ""
    yield (
        f"- an LDAP login adds a median of {statistics.median(added):.2f} core-milliseconds of "
        f"ours to {statistics.median(there):.2f} of the directory's"
    )


def _cost(
    target: service.Service, directory: int, request: Callable[[], bytes]
) -> tuple[float, float, float]:
    """Core-milliseconds of a login, ours and the directory's, and logins a second."""
    before = tree_seconds(target.pid), tree_seconds(directory)
    answers = run(closed_loop(target.port, at_once=AT_ONCE, seconds=SECONDS / 2, request=request))
    after = tree_seconds(target.pid), tree_seconds(directory)
    # What the clients asked for while they warmed up was done as well.
    asked = answers.rate() * (answers.seconds + WARM_UP)
    ours, theirs = ((end - begin) * 1000 / asked for begin, end in zip(before, after, strict=True))
    return ours, theirs, answers.rate()


def _beside() -> Iterator[str]:
    yield "| round | alone, logins/s | beside a directory that hangs | ratio |"
    yield "|---|---|---|---|"
    ratios = []
    with _hanging() as port, _data() as data:
        connection: dict[str, object] = {
            "kind": "ldap",
            "urls": [f"ldap://127.0.0.1:{port}"],
            "start_tls": False,
            "insecure": True,
            "user_base": "dc=x",
        }
        with service.started(data, settings(connection)) as target:
            for index in range(1, ROUNDS + 1):
                alone = run(_local(target.port))
                beside = run(_both(target.port))
                ratios.append(beside / alone)
                yield f"| {index} | {alone:.1f} | {beside:.1f} | {ratios[-1]:.3f} |"
    yield ""
    yield f"- local logins at 64 at once beside it: median {statistics.median(ratios):.3f} of alone"


def _people() -> Callable[[], bytes]:
    turn = iter(range(10**9))
    return lambda: login_request(f"p{next(turn) % PEOPLE_THERE}{ENDING}", service.PASSWORD)


async def _local(port: int) -> float:
    answers = await closed_loop(port, at_once=64, seconds=SECONDS, request=users_in_turn(1000))
    return answers.rate()


async def _both(port: int) -> float:
    local, _, _ = await asyncio.gather(
        closed_loop(port, at_once=64, seconds=SECONDS, request=users_in_turn(1000)),
        closed_loop(
            port,
            at_once=HANGING,
            seconds=SECONDS,
            request=lambda: login_request(f"somebody{ENDING}", service.PASSWORD),
        ),
        probe(port, seconds=SECONDS, every=0.1),
    )
    return local.rate()


@contextmanager
def _data(hashing: Settings | None = None) -> Iterator[Path]:
    """A data folder with a thousand local users."""
    with tempfile.TemporaryDirectory() as name:
        service.populate(Path(name), 1000, hashing=hashing)
        yield Path(name)


@contextmanager
def _hanging() -> Iterator[int]:
    """The port of a server that takes everything and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                kept.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in kept:
            one.close()
