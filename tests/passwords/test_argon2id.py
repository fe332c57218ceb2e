"""Argon2id in memory that each thread keeps gives what the library gives, and leaves nothing."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2.exceptions import HashingError, VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret

from vestibule.passwords import argon2id
from vestibule.passwords.argon2id import Argon2id, InKeptMemory, in_its_own_memory
from vestibule.passwords.memory import HUGE_PAGE, Memory

SALT = b"sixteen bytes of"
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
FORBIDDING = """
import ctypes, mmap
# PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: kernels before 6.3 know it not.
forbidden = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0
from vestibule.passwords import argon2id
try:
    mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE, prot=7)
except OSError:
    assert forbidden
else:
    assert not forbidden
print(type(argon2id.digest_of).__name__)
"""
HASHING_AT_THE_END = """
import threading
from vestibule.passwords.argon2id import digest_of

def work():
    digest_of(b"secret", b"sixteen bytes of", 1, 65536, 1)
    started.set()
    while True:
        digest_of(b"secret", b"sixteen bytes of", 40, 65536, 1)

started = threading.Event()
threading.Thread(target=work, daemon=True).start()
started.wait()
"""


def make(*, memory_kib: int = 64, time_cost: int = 1, parallelism: int = 1) -> Argon2id:
    return Argon2id(memory_kib=memory_kib, time_cost=time_cost, parallelism=parallelism)


@pytest.mark.parametrize("password", [b"", b"secret", b"a NUL \0 inside", bytes(range(256)) * 16])
@pytest.mark.parametrize(("passes", "kib", "lanes"), [(1, 8, 1), (3, 64, 1), (2, 96, 4)])
def test_it_is_what_the_library_makes(password: bytes, passes: int, kib: int, lanes: int) -> None:
    kept = InKeptMemory()

    for _ in range(2):
        assert kept(password, SALT, passes, kib, lanes) == in_its_own_memory(
            password, SALT, passes, kib, lanes
        )


def test_sizes_may_change_from_one_to_the_next() -> None:
    kept = InKeptMemory()

    for kib in (64, 4096, 8, 8192, 64):
        assert kept(b"secret", SALT, 1, kib, 1) == in_its_own_memory(b"secret", SALT, 1, kib, 1)


def test_threads_do_not_get_into_each_others_memory() -> None:
    kept, together = InKeptMemory(), threading.Barrier(4)

    def work(number: int) -> bool:
        together.wait(10)
        given = b"%d" % number, SALT, 2, 1024, 1
        return all(kept(*given) == in_its_own_memory(*given) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_the_password_leaves_nothing_in_the_memory() -> None:
    kept = InKeptMemory()
    size = 1024 * 1024
    address = kept._memory.at_least(size)
    ctypes.memset(address, 0xFF, size)

    kept(b"secret", SALT, 1, size // 1024, 1)

    assert kept._memory.at_least(size) == address
    assert ctypes.string_at(address, size) == bytes(size)


def test_without_memory_it_is_an_error_and_no_wrong_password(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    argon2 = make()
    encoded = argon2.hash(b"secret")

    def none_left(_memory: Memory, _size: int) -> int:
        raise OSError

    monkeypatch.setattr(Memory, "at_least", none_left)
    with pytest.raises(HashingError):
        argon2.verify(encoded, b"secret")
    with pytest.raises(HashingError):
        argon2.hash(b"secret")
    assert capfd.readouterr() == ("", "")


def test_it_is_used_also_where_a_program_may_make_no_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDING], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "InKeptMemory"
    assert isinstance(argon2id.digest_of, InKeptMemory)


def test_a_program_may_end_in_the_middle_of_one() -> None:
    done = subprocess.run([sys.executable, "-c", HASHING_AT_THE_END], check=False)

    assert done.returncode == 0


def test_a_library_that_takes_something_else_is_used_as_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(argon2id, "core", lambda _context, _kind: 0)  # it has made nothing
    assert argon2id.fastest() is in_its_own_memory

    def other(_context: object, _kind: int) -> int:
        raise TypeError

    monkeypatch.setattr(argon2id, "core", other)
    assert argon2id.fastest() is in_its_own_memory


def test_memory_is_kept_grows_and_is_the_threads_own() -> None:
    memory = Memory()
    first = memory.at_least(4096)

    assert first % HUGE_PAGE == 0
    assert memory.at_least(1024) == first
    grown = memory.at_least(3 * HUGE_PAGE)
    assert grown % HUGE_PAGE == 0
    ctypes.memset(grown, 1, 3 * HUGE_PAGE)  # to its end
    assert memory.at_least(4096) == grown

    def of_another() -> weakref.ref[mmap.mmap]:
        assert memory.at_least(4096) != grown
        assert memory._pages is not None
        return weakref.ref(memory._pages)

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(of_another).result()
        assert others() is not None
    assert others() is None  # with its thread


def test_huge_pages_are_asked_for() -> None:
    memory = Memory()
    address = memory.at_least(HUGE_PAGE)

    if HUGE_PAGES.exists():  # a kernel that has them
        assert "hg" in flags_of(address)


def flags_of(address: int) -> list[str]:
    """What Linux has noted of the pages at an address."""
    within = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            begin, end = (int(bound, 16) for bound in first.split("-"))
            within = begin <= address < end
        elif within and first == "VmFlags:":
            return line.split()[1:]
    raise LookupError(address)


# As text


def test_the_library_verifies_what_is_made_here_and_the_other_way_round() -> None:
    argon2 = make(time_cost=2)
    made, librarys = argon2.hash(b"secret"), hash_secret(b"secret", SALT, 2, 64, 1, 32, Type.ID)

    assert verify_secret(made.encode(), b"secret", Type.ID)
    with pytest.raises(VerifyMismatchError):
        verify_secret(made.encode(), b"Secret", Type.ID)
    assert argon2.is_one(librarys.decode())
    assert argon2.verify(librarys.decode(), b"secret")
    assert not argon2.verify(librarys.decode(), b"Secret")


def test_no_two_hashes_are_alike() -> None:
    argon2 = make()

    assert len({argon2.hash(b"secret") for _ in range(10)}) == 10
    assert len({argon2.nobodys() for _ in range(10)}) == 10


def test_nobodys_is_of_the_same_kind_and_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    argon2 = make(memory_kib=96, time_cost=2, parallelism=3)
    somebodys, nobodys = argon2.hash(b"secret"), argon2.nobodys()
    asked: list[tuple[int, int, int]] = []

    def digest(password: bytes, salt: bytes, *costs: int) -> bytes:
        passes, kib, lanes = costs
        asked.append((passes, kib, lanes))
        return in_its_own_memory(password, salt, passes, kib, lanes)

    monkeypatch.setattr(argon2id, "digest_of", digest)
    assert argon2.is_one(nobodys)
    assert argon2.verify(somebodys, b"secret")
    assert not argon2.verify(nobodys, b"secret")
    assert asked == [(2, 96, 3)] * 2


def test_one_of_other_parameters_or_lengths_is_none() -> None:
    argon2 = make()
    encoded = argon2.hash(b"secret")

    assert argon2.is_one(encoded)
    for other in (make(memory_kib=65), make(time_cost=2), make(parallelism=2)):
        assert not other.is_one(encoded)
    for salt, digest in ((8, 40), (24, 24), (16, 16), (16, 33)):
        hashed = hash_secret(b"secret", bytes(salt), 1, 64, 1, digest, Type.ID).decode()
        assert not argon2.is_one(hashed)
    assert not argon2.is_one(encoded.replace("argon2id", "argon2i"))
    assert not argon2.is_one(encoded[:-1] + "\u00e4")
    assert not argon2.is_one("")


@pytest.mark.parametrize("odd", ["!", "$", "="])
def test_one_that_cannot_be_read_is_nobodys(odd: str) -> None:
    argon2 = make()
    encoded = argon2.hash(b"secret")
    salt_at = len(argon2._prefix)

    assert not argon2.verify(encoded[:salt_at] + odd + encoded[salt_at + 1 :], b"secret")
    assert not argon2.verify(encoded[:-1] + odd, b"secret")
