"""What it brings that each thread keeps the memory of its hashes, and in huge pages."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from vestibule.passwords.argon2id import SALT_BYTES, Digest, digest_of, in_its_own_memory
from vestibule.settings import Settings

ROUNDS = 9
SECONDS = 1.5
"""Of each of the two, in each round."""
PASSWORD = b"correct horse battery staple"
PARAMETERS = ((19 * 1024, 2, 1), (46 * 1024, 1, 1), (64 * 1024, 3, 4))
"""(memory in KiB, passes, lanes): what is the default here, what OWASP names first, and the
second recommendation of RFC 9106 §4, which is the default of argon2-cffi."""


def hashes(
    *,
    parameters: Sequence[tuple[int, int, int]] = PARAMETERS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> Iterator[str]:
    """Hashes a second of both ways in turn, on all cores, in one process."""
    yield "| memory, passes, lanes | taken anew, hashes/s | kept, hashes/s | kept over anew |"
    yield "|---|---|---|---|"
    with ThreadPoolExecutor(Settings().hash_threads) as pool:
        for costs in parameters:
            anew, kept = [], []
            for _ in range(rounds):
                anew.append(_rate(pool, in_its_own_memory, costs, seconds))
                kept.append(_rate(pool, digest_of, costs, seconds))
            ratio = statistics.median(b / a for a, b in zip(anew, kept, strict=True))
            kib, passes, lanes = costs
            yield (
                f"| {kib // 1024} MiB, {passes}, {lanes} | {statistics.median(anew):.1f} "
                f"| {statistics.median(kept):.1f} | {ratio:.2f} |"
            )


def _rate(
    pool: ThreadPoolExecutor, digest: Digest, costs: tuple[int, int, int], seconds: float
) -> float:
    kib, passes, lanes = costs
    threads = Settings().hash_threads
    together = threading.Barrier(threads)

    def work() -> float:
        together.wait()
        count, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds or not count:
            digest(PASSWORD, bytes(SALT_BYTES), passes, kib, lanes)
            count += 1
        return count / taken

    return sum(future.result() for future in [pool.submit(work) for _ in range(threads)])
