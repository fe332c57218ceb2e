"""Verifying and making password hashes."""

from __future__ import annotations

import os
from dataclasses import dataclass

import argon2
from argon2.low_level import Type, hash_secret
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
        self._parameters = argon2.Parameters(
            type=Type.ID,
            version=argon2.low_level.ARGON2_VERSION,
            salt_len=SALT_BYTES,
            hash_len=DIGEST_BYTES,
            time_cost=time_cost,
            memory_cost=memory_kib,
            parallelism=parallelism,
        )
        self.formats = Formats(firebase=firebase)
        # What an unknown user is checked against: nobody's, and as dear as anybody's.
        self._dummy = self._hash(os.urandom(DIGEST_BYTES))

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
        if encoded is None:
            self.formats.verify(self._dummy, prepared)
            return Verification(ok=False)
        ok = self.formats.verify(encoded, prepared)
        if not ok and not encoded.startswith("$argon2id$"):
            # Others hashed what was typed, as it was.
            raw = typed.encode("utf-8", "surrogatepass")
            ok = raw != prepared and self.formats.verify(encoded, raw)
        if ok and not self._is_current(encoded):
            return Verification(ok=True, replacement=self._hash(prepared))
        return Verification(ok=ok)

    def _is_current(self, encoded: str) -> bool:
        return encoded.startswith("$argon2id$") and (
            argon2.extract_parameters(encoded) == self._parameters
        )

    def _hash(self, prepared: bytes) -> str:
        return hash_secret(
            prepared,
            os.urandom(SALT_BYTES),
            time_cost=self._parameters.time_cost,
            memory_cost=self._parameters.memory_cost,
            parallelism=self._parameters.parallelism,
            hash_len=DIGEST_BYTES,
            type=Type.ID,
        ).decode()
