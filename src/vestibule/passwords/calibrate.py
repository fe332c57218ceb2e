"""Finding the Argon2id parameters that take a given time on this machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vestibule.passwords.argon2id import SALT_BYTES, digest_of

RUNS = 5

FLOOR = ((46 * 1024, 1), (19 * 1024, 2), (12 * 1024, 3), (9 * 1024, 4), (7 * 1024, 5))
"""(memory in KiB, passes) that OWASP's Password Storage Cheat Sheet takes as equally strong."""

PREFERRED = (19 * 1024, 2)
MAX_MEMORY_KIB = 256 * 1024
MAX_PASSES = 64

Measure = Callable[[int, int, int], float]
"""Seconds that one hash takes, of (memory in KiB, passes, lanes)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Parameters, and the seconds that one hash takes with them."""

    memory_kib: int
    time_cost: int
    parallelism: int
    seconds: float


def measure(memory_kib: int, time_cost: int, parallelism: int) -> float:
    """The median of a few hashes, in a thread as those of the service are."""

    def seconds() -> float:
        began = time.perf_counter()
        digest_of(b"calibration", os.urandom(SALT_BYTES), time_cost, memory_kib, parallelism)
        return time.perf_counter() - began

    with ThreadPoolExecutor(1) as thread:
        return statistics.median(thread.submit(seconds).result() for _ in range(RUNS))


def calibrate(
    target: float, *, memory_kib: int | None, parallelism: int, measure: Measure = measure
) -> Calibration:
    """The dearest parameters within `target` seconds, but never below OWASP's floor.

    More memory is worth more than more passes, so it grows first, up to 256 MiB; with
    `memory_kib` given, only the passes grow.
    """
    if memory_kib is None:
        memory, passes = PREFERRED
        seconds = measure(memory, passes, parallelism)
        # Time is about proportional to memory: one step there, and one to correct it.
        for _ in range(2):
            memory = int(min(max(memory * target / seconds, PREFERRED[0]), MAX_MEMORY_KIB))
            memory -= memory % 1024
            seconds = measure(memory, passes, parallelism)
    else:
        memory, passes = memory_kib, _floor_passes(memory_kib)
        seconds = measure(memory, passes, parallelism)
    while passes < MAX_PASSES and seconds * (passes + 1) / passes <= target:
        passes += max(1, int((target / seconds - 1) * passes))
        passes = min(passes, MAX_PASSES)
        seconds = measure(memory, passes, parallelism)
    return Calibration(memory, passes, parallelism, seconds)


def _floor_passes(memory_kib: int) -> int:
    for memory, passes in FLOOR:
        if memory_kib >= memory:
            return passes
    raise ValueError(f"at least {FLOOR[-1][0]} KiB of memory are needed")
