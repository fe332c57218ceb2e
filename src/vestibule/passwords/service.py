"""Verifying and making password hashes."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from vestibule.passwords.argon2id import Argon2id
from vestibule.passwords.firebase import FirebaseProject
from vestibule.passwords.formats import Formats
from vestibule.passwords.pool import HashPool, Reservation
from vestibule.passwords.prepare import prepare


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
        self._argon2id = Argon2id(
            memory_kib=memory_kib, time_cost=time_cost, parallelism=parallelism
        )
        self.formats = Formats(firebase=firebase)
        # What an unknown user is checked against.
        self._dummy = self._argon2id.nobodys()

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
        """Hash a new password in this thread, which keeps the memory for that."""
        return self._argon2id.hash(prepare(password.get_secret_value()))

    def _verify(self, encoded: str | None, password: SecretStr) -> Verification:
        typed = password.get_secret_value()
        prepared = prepare(typed)
        # Other systems hashed what was typed, as it was, and that may be Argon2id as well.
        raw = typed.encode("utf-8", "surrogatepass")
        spellings = [prepared] if raw == prepared else [prepared, raw]
        # Nobody's hash is tried as often as somebody's, or the time would tell them apart.
        stored = self._dummy if encoded is None else encoded
        current = self._argon2id.is_one(stored)
        verify = self._argon2id.verify if current else self.formats.verify
        right = next((spelling for spelling in spellings if verify(stored, spelling)), None)
        if encoded is None or right is None:
            return WRONG
        if current and right == prepared:
            return RIGHT
        return Verification(ok=True, replacement=self._argon2id.hash(prepared))
