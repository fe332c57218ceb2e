"""`python -m bench.peers`: measure every peer and Vestibule in turn, and write its page anew.

`--quick` measures briefly and prints; names of services measure these alone and print;
`--install` installs and no more; `--render` writes the document of the last figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.measures import rotated
from bench.peers import environment, render, rows
from bench.peers.django_oauth_toolkit import DjangoOauthToolkit
from bench.peers.fastapi_users import FastapiUsers
from bench.peers.glewlwyd import Glewlwyd
from bench.peers.keystone import Keystone
from bench.peers.measure import FULL, QUICK, Effort, Round, measure
from bench.peers.peer import Command, Peer, Prepared, UnavailableError
from bench.peers.processes import SITES, run
from bench.peers.vestibule import Vestibule

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "src" / "content" / "docs"
FIGURES = DOCS / "peers.json"
PLOTTING = ["matplotlib==3.11.2"]
PEERS: list[Peer] = [
    Vestibule(),
    FastapiUsers(own_default=False),
    DjangoOauthToolkit(own_default=False),
    Vestibule(own_default=False),
    FastapiUsers(),
    DjangoOauthToolkit(),
    Keystone(),
    Glewlwyd(),
]
"""Neighbours are measured one after the other, so those of one hash stand together."""


def main() -> None:
    """As the command line says."""
    # An end by SIGTERM is an end like any other: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("names", nargs="*", help="services to measure, all by default")
    parser.add_argument("--quick", action="store_true", help="one short round, printed")
    parser.add_argument("--rounds", type=int, help=f"how many, {FULL.rounds} by default")
    parser.add_argument("--install", action="store_true", help="install, and no more")
    parser.add_argument("--render", action="store_true", help="write the document of peers.json")
    wanted = parser.parse_args()
    if wanted.render:
        write(rows.load(FIGURES))
        return
    known = {peer.name for peer in PEERS}
    if unknown := set(wanted.names) - known:
        parser.error(f"{', '.join(unknown)}: not among {', '.join(sorted(known))}")
    peers = [peer for peer in PEERS if not wanted.names or peer.name in wanted.names]
    reasons: dict[int, str] = {}
    versions = install(peers, reasons)
    if wanted.install:
        return
    effort = QUICK if wanted.quick else FULL
    effort = dataclasses.replace(effort, rounds=wanted.rounds or effort.rounds)
    report = compare(peers, effort, versions, reasons)
    if wanted.quick or wanted.names:
        print(render.render(report))
        return
    report.dump(FIGURES)
    write(report)


def install(peers: list[Peer], reasons: dict[int, str]) -> dict[str, list[str]]:
    """Install each; the versions by name, and the reasons of what can't be, by place."""
    versions: dict[str, list[str]] = {}
    for index, peer in enumerate(peers):
        try:
            versions[peer.name] = peer.install()
        except UnavailableError as error:
            reasons[index] = str(error)
            say(peer, f"not installed: {error}")
        else:
            say(peer, ", ".join(versions[peer.name]))
    return versions


def compare(
    peers: list[Peer], effort: Effort, versions: dict[str, list[str]], reasons: dict[int, str]
) -> rows.Report:
    """Rounds in turn over all, so that what disturbs the machine meets them alike."""
    found: dict[int, list[Round]] = {index: [] for index in range(len(peers))}
    with ExitStack() as stack:
        prepared: dict[int, tuple[Prepared, Path]] = {}
        for index, peer in enumerate(peers):
            if index in reasons:
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                prepared[index] = stack.enter_context(peer.prepared(folder)), folder
            except UnavailableError as error:
                reasons[index] = str(error)
                say(peer, f"not prepared: {error}")
        for number in range(1, effort.rounds + 1):
            for index in in_turn(peers, number):
                if index in reasons:
                    continue
                ready, folder = prepared[index]
                began = time.perf_counter()
                try:
                    one = measure(peers[index], ready, folder, effort)
                except UnavailableError as error:
                    reasons[index] = str(error)
                    say(peers[index], f"round {number} failed: {error}")
                    continue
                found[index].append(one)
                say(
                    peers[index],
                    f"round {number}: {one.logins:.1f} logins/s of {one.bare:.1f}, "
                    f"{one.share:.3f}, health p99 {one.health_p99:.1f} ms, "
                    f"client {one.client_cpu_ms:.2f} ms a login "
                    f"({time.perf_counter() - began:.0f} s)",
                )
    return rows.Report(
        cores=os.cpu_count() or 1,
        machine=machine(),
        rounds=effort.rounds,
        versions=versions,
        rows=[rows.row(peer, found[i], reasons.get(i)) for i, peer in enumerate(peers)],
    )


def in_turn(peers: list[Peer], number: int) -> list[int]:
    """The places in the order of a round: those of one hash together, each of them first once."""
    groups: dict[str, list[int]] = {}
    for index, peer in enumerate(peers):
        groups.setdefault(peer.hashing, []).append(index)
    return [index for group in groups.values() for index in rotated(group, number - 1)]


def write(report: rows.Report) -> None:
    """The document and its plots."""
    page = PAGES / "peers.md"
    page.write_text(render.insert(page.read_text(), render.render(report)))
    images = PAGES / "images"
    images.mkdir(exist_ok=True)
    python = environment.virtual_environment("matplotlib", PLOTTING)
    run(Command([str(python), str(SITES / "plots.py"), str(FIGURES), str(images)]))
    print(f"written: {page.relative_to(DOCS.parent)}, its figures and its plots")


def machine() -> str:
    """What it ran on, in a few words."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}, Python {platform.python_version()}"


def say(peer: Peer, text: str) -> None:
    """Progress, apart from what is printed as the result."""
    print(f"{peer.name} ({peer.hashing}): {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
