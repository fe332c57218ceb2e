"""What `vestibule doctor` finds out about hashing a password."""

from __future__ import annotations

from collections.abc import Iterator

from argon2.exceptions import HashingError

from vestibule.cli.finding import Finding
from vestibule.passwords import argon2id
from vestibule.passwords.calibrate import measure
from vestibule.settings import Settings


def examine_hashing(settings: Settings) -> Iterator[Finding]:
    """That there is memory for a hash, and how long one takes."""
    costs = settings.argon2_memory, settings.argon2_time, settings.argon2_parallelism
    try:
        seconds = measure(*costs)
    except HashingError as error:
        yield Finding(
            "hashing", "error", f"a password can't be hashed: {error}",
            "give it more memory, or lower VESTIBULE_ARGON2_MEMORY",
        )  # fmt: skip
        return
    found = f"one hash takes {1000 * seconds:.0f} ms"
    if isinstance(argon2id.digest_of, argon2id.InKeptMemory):
        yield Finding("hashing", "ok", found)
    else:
        yield Finding(
            "hashing", "warning", f"{found}: memory is taken anew for each",
            "install the argon2-cffi of Vestibule's lock file",
        )  # fmt: skip
