"""Processor time of trees of processes, and on which cores they may run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.peers.processes import family

LOAD = "load"
"""The part that is this process itself: it makes the load."""
MACHINE = "machine"
"""All that runs on it, and what its host takes from it."""


def tree_seconds(root: int) -> float:
    """Processor time of a process and all that descend from it, those that ended included."""
    total = 0.0
    for pid in family(root):
        with suppress(OSError):  # it has just ended: its parent tells of it the next time
            total += _own(pid) + ended(Path(f"/proc/{pid}/stat").read_text())
    return total


def _own(pid: int) -> float:
    # What clock_getcpuclockid(3) makes of a process id: all its threads, in nanoseconds.
    return time.clock_gettime((~pid << 3) | 2)


def ended(stat: str) -> float:
    """Seconds of the fields `cutime` and `cstime` of a `stat`: of children that were awaited."""
    fields = stat.rpartition(") ")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Meters:
    """The processor time of the parts of a deployment, and of the load generator."""

    def __init__(self, parts: Mapping[str, Sequence[int]]) -> None:
        """`parts`: the process ids at the roots of each part's trees."""
        self._parts = parts

    def read(self) -> dict[str, float]:
        """Seconds of each part until now."""
        seconds = {name: sum(map(tree_seconds, roots)) for name, roots in self._parts.items()}
        machine = busy(Path("/proc/stat").read_text())
        return {**seconds, LOAD: time.process_time(), MACHINE: machine}


def busy(stat: str) -> float:
    """Seconds that all cores together were not idle, by the first line of `/proc/stat`."""
    user, nice, system, _idle, _waiting, *interrupts = map(int, stat.split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def strangers(used: Mapping[str, float]) -> float:
    """What was used by none of the parts: a run with much of it tells little."""
    ours = sum(seconds for part, seconds in used.items() if part != MACHINE)
    return max(0.0, used[MACHINE] - ours)


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each part used from one reading to the next."""
    return {name: after[name] - before[name] for name in after}


@contextmanager
def pinned(cores: Iterable[int]) -> Iterator[None]:
    """What is started within the block runs on these cores alone."""
    former = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, former)


def pin(root: int, cores: Iterable[int]) -> None:
    """Let a tree of processes that runs already run on these cores alone, with all threads."""
    allowed = set(cores)
    for pid in family(root):
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), allowed)
