"""Argon2id (RFC 9106) of one set of parameters, as text in the PHC string format."""

from __future__ import annotations

import ctypes
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from argon2.exceptions import HashingError
from argon2.low_level import ARGON2_VERSION, Type, core, error_to_str, ffi, hash_secret_raw

from vestibule.passwords.memory import Memory

SALT_BYTES = 16
DIGEST_BYTES = 32
ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t)
FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)

Digest = Callable[[bytes, bytes, int, int, int], bytes]
"""Of a password and a salt, with so many passes, KiB and lanes."""


class Argon2id:
    """Makes and verifies hashes of these parameters. May be used by several threads at once."""

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int) -> None:
        self._parameters = (time_cost, memory_kib, parallelism)
        costs = f"m={memory_kib},t={time_cost},p={parallelism}"
        self._prefix = f"$argon2id$v={ARGON2_VERSION}${costs}$"
        self._digest_at = len(self._prefix) + len(_encoded(bytes(SALT_BYTES)))
        self._length = self._digest_at + 1 + len(_encoded(bytes(DIGEST_BYTES)))

    def hash(self, password: bytes) -> str:
        """A new hash, with a salt of its own. Raises `HashingError` without memory for it."""
        salt = os.urandom(SALT_BYTES)
        return self._text(salt, digest_of(password, salt, *self._parameters))

    def nobodys(self) -> str:
        """One that is of no password, and takes as long to verify as any."""
        return self._text(os.urandom(SALT_BYTES), os.urandom(DIGEST_BYTES))

    def is_one(self, encoded: str) -> bool:
        """Whether it is of these parameters and lengths."""
        return (
            len(encoded) == self._length
            and encoded.isascii()
            and encoded.startswith(self._prefix)
            # A longer salt could make up for a shorter digest.
            and encoded.find("$", len(self._prefix)) == self._digest_at
        )

    def verify(self, encoded: str, password: bytes) -> bool:
        """Whether the hash, which `is_one`, is of this password. Raises `HashingError`."""
        salt, _, digest = encoded[len(self._prefix) :].partition("$")
        try:
            salted = b64decode(salt + "==", validate=True)
        except ValueError:
            return False
        found = digest_of(password, salted, *self._parameters)
        return hmac.compare_digest(_encoded(found), digest)

    def _text(self, salt: bytes, digest: bytes) -> str:
        return f"{self._prefix}{_encoded(salt)}${_encoded(digest)}"


def _encoded(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()


def in_its_own_memory(password: bytes, salt: bytes, passes: int, kib: int, lanes: int) -> bytes:
    """The digest as the library makes it, in memory that it takes and gives back each time."""
    return hash_secret_raw(password, salt, passes, kib, lanes, DIGEST_BYTES, Type.ID)


class InKeptMemory:
    """The digest in memory that each thread keeps.

    It is the library's function that leaves the memory to its caller.
    """

    def __init__(self) -> None:
        self._memory = Memory()
        # Of ctypes, not of cffi, whose calls back are code that is made: where a service may make
        # none (`MemoryDenyWriteExecute` of systemd), they can't be had.
        self._calls = ALLOCATE(self._allocate), FREE(self._free)
        allocate, free = (ctypes.cast(call, ctypes.c_void_p).value for call in self._calls)
        self._pointers = {
            "allocate_cbk": ffi.cast("int(*)(uint8_t **, size_t)", allocate),
            "free_cbk": ffi.cast("void(*)(uint8_t *, size_t)", free),
        }

    def __call__(self, password: bytes, salt: bytes, passes: int, kib: int, lanes: int) -> bytes:
        # Until the library is done: at the end of a program, what belongs to a thread is taken away
        # while that still runs.
        held = vars(self._memory)
        out = ffi.new("uint8_t[]", DIGEST_BYTES)
        given = {"pwd": ffi.new("uint8_t[]", password), "salt": ffi.new("uint8_t[]", salt)}
        sizes = {"outlen": DIGEST_BYTES, "pwdlen": len(password), "saltlen": len(salt)}
        costs = {"t_cost": passes, "m_cost": kib, "lanes": lanes, "threads": lanes}
        context = {"version": ARGON2_VERSION, "out": out}
        context |= {**given, **sizes, **costs, **self._pointers}
        code = core(ffi.new("argon2_context *", context), Type.ID.value)
        del held
        if code:
            raise HashingError(error_to_str(code))
        return bytes(ffi.buffer(out))

    def _allocate(self, where: Any, size: int) -> int:
        # Without memory `where` stays empty: that is what the library looks at.
        with suppress(OSError, ValueError, MemoryError):
            where[0] = self._memory.at_least(size)
        return 0

    def _free(self, _memory: int, _size: int) -> None:
        """It stays, and was wiped."""


def fastest() -> Digest:
    """In kept memory, where that can be had and gives what the library's usual function gives.

    The structure that the other one takes is not promised to stay as it is.
    """
    known = b"known", b"sixteen bytes...", 1, 8, 1
    with suppress(Exception):
        kept = InKeptMemory()
        if kept(*known) == in_its_own_memory(*known):
            return kept
    return in_its_own_memory


digest_of = fastest()
