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
    command = [sys.executable, "-m", "bench.bare", str(seconds)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(seconds: float) -> None:
    """Hash on as many threads as there are cores, and print hashes a second."""
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
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts) / (time.perf_counter() - began))


if __name__ == "__main__":
    main(float(sys.argv[1]))
