"""The families of password hashes: for each, whether a hash may be verified, and how.

A stored hash that would take gigabytes or minutes to verify is a way to stop the service, so
each family has bounds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import string
from collections.abc import Callable
from dataclasses import dataclass

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import error_to_str, verify_secret

MAX_MEMORY = 1024**3
"""Bytes that verifying one hash may take."""
MAX_ITERATIONS = 10_000_000
MAX_PASSES = 64
MAX_LANES = 16
MAX_BCRYPT_COST = 16
MAX_BLOCKS = 64 * 1024**2
"""Bytes of scrypt's p blocks, which come on top of its N."""
MIN_ARGON2_SALT = 8
"""Bytes; the reference implementation takes no shorter one."""
BCRYPT_BYTES = 72
"""What bcrypt looks at. The systems that the hashes come from cut there, so this does too."""
LACKING = {error_to_str(code) for code in (-22, -33)}
"""What Argon2 says where the machine has no memory or no thread for it; the codes of `argon2.h`."""

BCRYPT_ALPHABET = "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits
BCRYPT_SALT_ENDS = BCRYPT_ALPHABET[::16]
BCRYPT_ENDS = BCRYPT_ALPHABET[::4]

Match = re.Match[str]
Decode = Callable[[str], bytes]


class Unverifiable(Exception):
    """The hash is malformed or too expensive, or this machine can't: says why without it."""


@dataclass(frozen=True, slots=True)
class Family:
    """How hashes of one kind are verified, from the named groups of their pattern."""

    check: Callable[[Match], None]
    """Raises `Unverifiable`, or `ValueError` for what can't be decoded."""
    verify: Callable[[Match, bytes], bool]
    """Raises `Unverifiable`, or `ValueError` where the machine has no memory for it."""


def as_text(salt: str) -> bytes:
    """A salt that is used as it is written."""
    return salt.encode()


def from_base64(text: str) -> bytes:
    """Standard base64, padded or not, or passlib's, which has `.` for `+`."""
    text = text.rstrip("=").replace(".", "+")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def argon2_family() -> Family:
    """Argon2i, d and id (RFC 9106); groups `phc`, `kind`, `salt`, `digest`."""
    kinds = {"i": argon2.Type.I, "d": argon2.Type.D, "id": argon2.Type.ID}

    def check(match: Match) -> None:
        try:
            parameters = argon2.extract_parameters(match["phc"])
        except InvalidHashError:
            raise Unverifiable("malformed") from None
        lanes = parameters.parallelism
        _within(parameters.memory_cost * 1024, MAX_MEMORY)
        _within(parameters.time_cost, MAX_PASSES)
        _within(lanes, MAX_LANES)
        # RFC 9106 §3.1: at least one lane and pass, and 8 KiB for each lane.
        if not (lanes and parameters.time_cost and parameters.memory_cost >= 8 * lanes):
            raise Unverifiable("malformed")
        _long_enough(_canonical(match["digest"]))
        if len(_canonical(match["salt"])) < MIN_ARGON2_SALT:
            raise Unverifiable("malformed")

    def verify(match: Match, password: bytes) -> bool:
        try:
            return verify_secret(match["phc"].encode(), password, kinds[match["kind"]])
        except VerificationError as error:
            if str(error) in LACKING:
                raise Unverifiable(str(error)) from None
            return False

    return Family(check, verify)


def bcrypt_family(prepare: Callable[[bytes], bytes] = lambda password: password) -> Family:
    """Bcrypt of what `prepare` makes of the password; groups `bcrypt`, `cost`, `salt`, `digest`."""

    def check(match: Match) -> None:
        _within(int(match["cost"]), MAX_BCRYPT_COST)
        # The last characters carry bits of 16 and 23 bytes only; with others set, the library
        # refuses the salt and no digest is equal.
        if match["salt"][-1] not in BCRYPT_SALT_ENDS or match["digest"][-1] not in BCRYPT_ENDS:
            raise Unverifiable("malformed")

    def verify(match: Match, password: bytes) -> bool:
        return bcrypt.checkpw(prepare(password)[:BCRYPT_BYTES], match["bcrypt"].encode())

    return Family(check, verify)


def sha256_hex(password: bytes) -> bytes:
    """What Django's bcrypt_sha256 gives to bcrypt."""
    return hashlib.sha256(password).hexdigest().encode()


def pbkdf2_family(*, salt: Decode, digest: Decode) -> Family:
    """PBKDF2 (RFC 8018 §5.2); groups `hash`, `rounds`, `salt`, `digest`, maybe `length`."""

    def check(match: Match) -> None:
        _within(int(match["rounds"]), MAX_ITERATIONS)
        salt(match["salt"])
        size = _long_enough(digest(match["digest"]))
        if int(match.groupdict().get("length") or size) != size:
            raise Unverifiable("malformed")

    def verify(match: Match, password: bytes) -> bool:
        expected = digest(match["digest"])
        given = hashlib.pbkdf2_hmac(
            match["hash"], password, salt(match["salt"]), int(match["rounds"]), len(expected)
        )
        return hmac.compare_digest(given, expected)

    return Family(check, verify)


def scrypt_family(*, salt: Decode, digest: Decode) -> Family:
    """Scrypt (RFC 7914); groups `n` or its logarithm `ln`, `r`, `p`, `salt`, `digest`."""

    def cost(match: Match) -> tuple[int, int, int]:
        groups = match.groupdict()
        n = 1 << min(int(groups["ln"]), 64) if "ln" in groups else int(match["n"])
        return n, int(match["r"]), int(match["p"])

    def check(match: Match) -> None:
        n, r, p = cost(match)
        # RFC 7914 §2: a power of two, and below 2 to the 16 r.
        if n < 2 or n & (n - 1) or n.bit_length() > 16 * r:
            raise Unverifiable("malformed")
        _within(128 * n * r, MAX_MEMORY)
        _within(128 * p * r, MAX_BLOCKS)
        _within(p, MAX_LANES)
        salt(match["salt"])
        _long_enough(digest(match["digest"]))

    def verify(match: Match, password: bytes) -> bool:
        n, r, p = cost(match)
        expected = digest(match["digest"])
        given = hashlib.scrypt(
            password,
            salt=salt(match["salt"]),
            n=n,
            r=r,
            p=p,
            maxmem=128 * r * (n + p + 4) + 1024**2,
            dklen=len(expected),
        )
        return hmac.compare_digest(given, expected)

    return Family(check, verify)


def _within(value: int, bound: int) -> None:
    if value > bound:
        raise Unverifiable("too expensive")


def _long_enough(digest: bytes) -> int:
    # A digest of a few bytes would be matched by chance.
    if not 16 <= len(digest) <= 128:
        raise Unverifiable("malformed")
    return len(digest)


def _canonical(text: str) -> bytes:
    # The reference implementation of Argon2 refuses base64 with stray bits at its end.
    raw = from_base64(text)
    if base64.b64encode(raw).decode().rstrip("=") != text:
        raise Unverifiable("malformed")
    return raw
