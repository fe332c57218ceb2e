"""Verifying and making password hashes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret, verify_secret
from pydantic import SecretStr

from vestibule.passwords.firebase import FirebaseProject
from vestibule.passwords.formats import Formats
from vestibule.passwords.pool import HashPool, Reservation
from vestibule.passwords.prepare import prepare

SALT_BYTES = 16
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Verification:
    """What came out, and the hash that should replace the stored one, if any."""

    ok: bool
    replacement: str | None = None


RIGHT = Verification(ok=True)
WRONG = Verification(ok=False)


class Passwords:
    """Password hashes: Argon2id of the present parameters, and all that were imported."""

    def __init__(
        self,
        *,
        pool: HashPool,
        memory_kib: int,
        time_cost: int,
        parallelism: int,
        firebase: FirebaseProject | None,
    ) -> None:
        self._pool = pool
        self._memory_kib = memory_kib
        self._time_cost = time_cost
        self._parallelism = parallelism
        self.formats = Formats(firebase=firebase)
        # What an unknown user is checked against: nobody's, and as dear as anybody's.
        self._dummy = self._hash(os.urandom(DIGEST_BYTES))
        self._prefix = self._dummy[: self._dummy.index("$", self._dummy.index("p=")) + 1]
        self._digest_at = self._dummy.rindex("$")

    def reserve(self) -> Reservation:
        """A place in the hashing queue. Raises `RateLimited` where there is none in time."""
        return self._pool.reserve()

    async def verify(
        self, reservation: Reservation, *, encoded: str | None, password: SecretStr
    ) -> Verification:
        """Whether the hash is of this password; for None the answer is no, as late as a yes.

        Raises `RateLimited` where its turn came too late.
        """
        return await reservation.run(lambda: self._verify(encoded, password))

    async def hash(self, password: SecretStr) -> str:
        """Hash a new password. Raises `RateLimited`."""
        with self.reserve() as reservation:
            return await reservation.run(lambda: self.hash_now(password))

    def hash_now(self, password: SecretStr) -> str:
        """Hash a new password in this thread."""
        return self._hash(prepare(password.get_secret_value()))

    def _verify(self, encoded: str | None, password: SecretStr) -> Verification:
        typed = password.get_secret_value()
        prepared = prepare(typed)
        # Other systems hashed what was typed, as it was, and that may be Argon2id as well.
        raw = typed.encode("utf-8", "surrogatepass")
        spellings = [prepared] if raw == prepared else [prepared, raw]
        # Nobody's hash is tried as often as somebody's, or the time would tell them apart.
        stored = self._dummy if encoded is None else encoded
        current = self._is_current(stored)
        verify = self._verify_current if current else self.formats.verify
        right = next((spelling for spelling in spellings if verify(stored, spelling)), None)
        if encoded is None or right is None:
            return WRONG
        if current and right == prepared:
            return RIGHT
        return Verification(ok=True, replacement=self._hash(prepared))

    def _verify_current(self, encoded: str, prepared: bytes) -> bool:
        try:
            return verify_secret(encoded.encode(), prepared, Type.ID)
        except Argon2Error:
            return False

    def _is_current(self, encoded: str) -> bool:
        # The place of the digest, too: a longer salt could make up for a shorter digest.
        return (
            encoded.startswith(self._prefix)
            and len(encoded) == len(self._dummy)
            and encoded.rindex("$") == self._digest_at
        )

    def _hash(self, prepared: bytes) -> str:
        return hash_secret(
            prepared,
            os.urandom(SALT_BYTES),
            time_cost=self._time_cost,
            memory_cost=self._memory_kib,
            parallelism=self._parallelism,
            hash_len=DIGEST_BYTES,
            type=Type.ID,
        ).decode()
