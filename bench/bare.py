"""The bare Argon2id rate of the default parameters, on all cores, with nothing around it.

Run as a program of its own, so that it shares nothing with what it is compared to.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from argon2.low_level import Type, hash_secret_raw

from vestibule.settings import Settings


def rate(seconds: float) -> float:
    """Hashes a second, measured in a process of its own, on the cores that we may run on."""
    return measured(seconds)[0]


def measured(seconds: float) -> tuple[float, float]:
    """The same, and the seconds of processor time that one takes."""
    command = [sys.executable, "-m", "bench.bare", str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    hashes, each = map(float, done.stdout.split())
    return hashes, each


def main(seconds: float) -> None:
    """Hash on as many threads as there are cores; print hashes a second, and the seconds of one."""
    settings = Settings()
    counts = [0] * settings.hash_threads
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            hash_secret_raw(
                b"correct horse battery staple",
                os.urandom(16),
                settings.argon2_time,
                settings.argon2_memory,
                settings.argon2_parallelism,
                32,
                Type.ID,
            )
            counts[index] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(counts))]
    began, used = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each = (time.process_time() - used) / sum(counts)
    print(sum(counts) / (time.perf_counter() - began), each)


if __name__ == "__main__":
    main(float(sys.argv[1]))
