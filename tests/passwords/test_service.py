"""Verifying, and replacing what is not of the present parameters."""

from __future__ import annotations

import hashlib
import unicodedata

import argon2
import bcrypt
import pytest
from pydantic import SecretStr

from tests.world import FakeClock
from vestibule.passwords.pool import HashPool
from vestibule.passwords.service import Passwords, Verification

PASSWORD = SecretStr("correct horse battery staple")


def make(**changes: int) -> Passwords:
    pool = HashPool(threads=1, deadline=5, clock=FakeClock())
    parameters = {"memory_kib": 64, "time_cost": 1, "parallelism": 1} | changes
    return Passwords(pool=pool, firebase=None, **parameters)


async def verify(passwords: Passwords, encoded: str | None, typed: str) -> Verification:
    with passwords.reserve() as reservation:
        return await passwords.verify(reservation, encoded=encoded, password=SecretStr(typed))


async def test_a_new_hash_is_argon2id_of_the_parameters_and_stays() -> None:
    passwords = make()

    encoded = await passwords.hash(PASSWORD)

    assert encoded.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await verify(passwords, encoded, PASSWORD.get_secret_value()) == Verification(ok=True)
    assert await verify(passwords, encoded, "wrong") == Verification(ok=False)


@pytest.mark.parametrize("change", [{"memory_kib": 128}, {"time_cost": 2}, {"parallelism": 2}])
async def test_a_hash_of_other_parameters_is_replaced(change: dict[str, int]) -> None:
    former, present = make(), make(**change)
    encoded = former.hash_now(PASSWORD)

    verification = await verify(present, encoded, PASSWORD.get_secret_value())

    assert verification.ok
    assert verification.replacement
    again = await verify(present, verification.replacement, PASSWORD.get_secret_value())
    assert again == Verification(ok=True)


async def test_a_wrong_password_replaces_nothing() -> None:
    encoded = make().hash_now(PASSWORD)

    assert await verify(make(time_cost=2), encoded, "wrong") == Verification(ok=False)


async def test_nobody_is_checked_against_a_hash_of_the_present_parameters() -> None:
    passwords = make()

    assert await verify(passwords, None, "anything") == Verification(ok=False)
    assert passwords._argon2id.is_one(passwords._dummy)


async def test_two_spellings_of_a_password_are_one() -> None:
    passwords = make()
    encoded = passwords.hash_now(SecretStr(unicodedata.normalize("NFC", "pässwörd—with·marks")))

    typed = unicodedata.normalize("NFD", "pässwörd—with·marks")

    assert (await verify(passwords, encoded, typed)).ok


async def test_an_imported_hash_of_the_raw_bytes_is_right_too() -> None:
    raw = unicodedata.normalize("NFD", "pässwörd")
    salt = "salt"
    digest = hashlib.pbkdf2_hmac("sha256", raw.encode(), salt.encode(), 1000).hex()

    verification = await verify(make(), f"pbkdf2:sha256:1000${salt}${digest}", raw)

    assert verification.ok
    assert verification.replacement


@pytest.mark.parametrize("typed", ["\x00", "a\x00b", "tab\there", "\U0010fffe", "x" * 1024])
async def test_whatever_is_typed_is_no_error(typed: str) -> None:
    passwords = make()
    hashes = [
        passwords.hash_now(PASSWORD),
        bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode(),
        argon2.PasswordHasher(1, 64, 1).hash("secret"),
        "pbkdf2:sha256:1000$salt$" + "ab" * 32,
        None,
    ]

    answers = [await verify(passwords, encoded, typed) for encoded in hashes]

    assert not any(answer.ok for answer in answers)


async def test_a_bcrypt_password_is_whole_after_its_first_login() -> None:
    passwords = make()
    encoded = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode()

    first = await verify(passwords, encoded, "a" * 72 + "tail")

    assert first.replacement
    assert (await verify(passwords, first.replacement, "a" * 72 + "tail")).ok
    assert not (await verify(passwords, first.replacement, "a" * 72)).ok
