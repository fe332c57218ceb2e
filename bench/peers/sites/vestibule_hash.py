"""The bare hash of Vestibule as it is set: `BENCH_ARGON2` is its time, memory and lanes."""

import os

from argon2.low_level import Type, hash_secret, verify_secret

PASSWORD = b"correct horse battery staple"
TIME, MEMORY, LANES = map(int, os.environ["BENCH_ARGON2"].split(","))
HASHED = hash_secret(PASSWORD, b"sixteen bytes, 1", TIME, MEMORY, LANES, 32, Type.ID)


def verify() -> bool:
    """Check the right password."""
    return verify_secret(HASHED, PASSWORD, Type.ID)
