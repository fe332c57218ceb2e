"""Password verifications a second, and the processor milliseconds of one.

`rate.py MODULE SECONDS PROCESSES`

The module has a function `verify` that checks a right password with the library of its service.
Runs under the interpreter of that service, so it stands on the standard library alone.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
import time
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

Results = SimpleQueue[tuple[float, float]]


def work(name: str, seconds: float, ready: Barrier, results: Results) -> None:
    """Verify until the time is over; whole verifications by the time that they took.

    Half of that time is given to cores that were idle, which begin slowly.
    """
    verify = importlib.import_module(name).verify
    if not verify():
        raise SystemExit("the right password was refused")
    ready.wait(60)
    warm = time.perf_counter() + seconds / 2
    while time.perf_counter() < warm:
        verify()
    count, began, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        verify()
        count += 1
    taken, used = time.perf_counter() - began, time.process_time() - used
    results.put((count / taken, 1000 * used / count))


def main(name: str, seconds: float, processes: int) -> None:
    """Print the sum of their rates, and the mean of their milliseconds."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(processes)
    results: Results = context.SimpleQueue()
    started = [
        context.Process(target=work, args=(name, seconds, ready, results), daemon=True)
        for _ in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60 + 10 * seconds)
        if process.exitcode != 0:
            raise SystemExit(f"a process ended with {process.exitcode}")
    rates, milliseconds = zip(*(results.get() for _ in started), strict=True)
    print(sum(rates), sum(milliseconds) / processes)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
