"""Password verifications a second: `rate.py MODULE SECONDS PROCESSES`.

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


def work(name: str, seconds: float, ready: Barrier, results: SimpleQueue[float]) -> None:
    """Verify until the time is over; whole verifications by the time that they took."""
    verify = importlib.import_module(name).verify
    if not verify():
        raise SystemExit("the right password was refused")
    ready.wait(60)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        verify()
        count += 1
    results.put(count / (time.perf_counter() - began))


def main(name: str, seconds: float, processes: int) -> None:
    """Print the sum of all processes."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(processes)
    results: SimpleQueue[float] = context.SimpleQueue()
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
    print(sum(results.get() for _ in started))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
