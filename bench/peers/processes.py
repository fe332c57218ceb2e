"""Services as processes: started in a group of their own, and ended with all their children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.peers.peer import Command, UnavailableError

SITES = Path(__file__).parent / "sites"
PATIENCE = 60.0
"""Seconds within which a service has to answer after its start."""


@contextmanager
def started(command: Command, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, until the block ends; then it and its group are ended, by force if need be."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.arguments,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    end = time.perf_counter() + 10
    while _lives(process.pid) and time.perf_counter() < end:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.01)


def _lives(group: int) -> bool:
    """Whether a process of the group runs; one that ended and is not reaped yet does not."""
    return any(int(fields[2]) == group and fields[0] != "Z" for _pid, fields in _every_process())


def _every_process() -> Iterator[tuple[int, list[str]]]:
    """Each process with the fields of its `stat` from the state on."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), (entry / "stat").read_text().rpartition(") ")[2].split()


def run(command: Command, *, seconds: float = 300.0) -> str:
    """What a command prints; raises `UnavailableError` with the end of its complaints."""
    try:
        done = subprocess.run(
            command.arguments,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command.arguments[0]}: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise UnavailableError(f"{Path(command.arguments[0]).name} failed: {lines[-1].strip()}")
    return done.stdout


def await_status(process: subprocess.Popen[bytes], port: int, request: bytes, status: int) -> None:
    """Ask again and again until the answer has that status; raises `UnavailableError`."""
    expected = str(status).encode()
    end = time.perf_counter() + PATIENCE
    while process.poll() is None and time.perf_counter() < end:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
        ):
            connection.sendall(request)
            if connection.recv(12)[9:12] == expected:
                return
        time.sleep(0.005)
    raise UnavailableError(
        f"it ended with {process.returncode}"
        if process.returncode is not None
        else f"it did not answer {status} within {PATIENCE:.0f} s"
    )


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for child, fields in _every_process():
        parents.setdefault(int(fields[1]), []).append(child)
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def memory(pids: list[int]) -> float:
    """Megabytes that the processes take together, shared pages counted once (PSS)."""
    return sum(proportional(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids)


def proportional(rollup: str) -> float:
    """Megabytes of the line `Pss` of a `smaps_rollup`."""
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no Pss")


@dataclass(frozen=True, slots=True)
class BareHash:
    """Verifications a second on all cores, and the processor milliseconds of one."""

    rate: float
    cpu_ms: float


def bare_hash(command: Command, seconds: float) -> BareHash:
    """Measured with nothing around it, in one process or one a core, whichever does more.

    A hash that has threads of its own has them in each other's way where there are several.
    """
    tried = (_bare_hash(command, seconds, count) for count in sorted({1, os.cpu_count() or 1}))
    return max(tried, key=lambda one: one.rate)


def _bare_hash(command: Command, seconds: float, processes: int) -> BareHash:
    script = str(SITES / "rate.py")
    python, target = command.arguments
    arguments = [python, script, target, str(seconds), str(processes)]
    printed = run(Command(arguments, command.environment), seconds=60 + 10 * seconds)
    rate, cpu_ms = map(float, printed.split())
    return BareHash(rate, cpu_ms)


def cpu_seconds(pids: list[int]) -> float:
    """Processor time that the processes have used."""
    return sum(used(Path(f"/proc/{pid}/stat").read_text()) for pid in pids)


def used(stat: str) -> float:
    """Seconds of the fields `utime` and `stime` of a `stat`."""
    fields = stat.rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def python_of_ours() -> str:
    """The interpreter that runs us."""
    return sys.executable
