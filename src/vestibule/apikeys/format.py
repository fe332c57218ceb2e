r"""How an API key is written: `vst_` + id + `_` + secret + checksum, all of fixed width.

    vst_0123456789abcdefghijAB_<43 characters of secret><6 characters of checksum>

Id, secret and checksum are numbers in base 62 (0-9 A-Z a-z), so that a double click selects the
whole key. The checksum is the CRC32 of all that stands before it: a typo, and what only looks
like a key, is told from a key without asking anybody. Secret scanners search for

    \bvst_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}\b

and may then compare the checksum.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from uuid import UUID
from zlib import crc32

from pydantic import SecretStr

PREFIX = "vst_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_WIDTH = 22
SECRET_WIDTH = 43
CHECKSUM_WIDTH = 6
HINT_WIDTH = 4
LENGTH = len(PREFIX) + ID_WIDTH + 1 + SECRET_WIDTH + CHECKSUM_WIDTH

KEY = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_WIDTH}}})_[0-9A-Za-z]{{{SECRET_WIDTH + CHECKSUM_WIDTH}}}"
)
"""The form of a key, the same that secret scanners search for."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def new_key(key_id: UUID) -> SecretStr:
    """A key of this id with a secret of 256 random bits."""
    secret = _encode(secrets.randbits(256), width=SECRET_WIDTH)
    body = f"{prefix_of(key_id)}_{secret}"
    return SecretStr(body + _checksum(body))


def parse(text: str) -> tuple[UUID, bytes] | None:
    """The id and the digest of a key; None for what can't be one, its checksum included."""
    match = KEY.fullmatch(text)
    if match is None:
        return None
    # What is compared is no secret: anybody can compute it from what they sent.
    if _checksum(text[:-CHECKSUM_WIDTH]) != text[-CHECKSUM_WIDTH:]:
        return None
    number = _decode(match[1])
    if number >> 128:
        return None
    return UUID(int=number), hashlib.sha256(text.encode("ascii")).digest()


def digest_of(key: SecretStr) -> bytes:
    """SHA-256 of the whole key."""
    return hashlib.sha256(key.get_secret_value().encode("ascii")).digest()


def prefix_of(key_id: UUID) -> str:
    """The part of a key that is no secret, by which its record is found."""
    return PREFIX + _encode(key_id.int, width=ID_WIDTH)


def hint_of(key: SecretStr) -> str:
    """Its last characters, by which its owner knows it again: a part of the checksum."""
    return key.get_secret_value()[-HINT_WIDTH:]


def _checksum(body: str) -> str:
    return _encode(crc32(body.encode("ascii")), width=CHECKSUM_WIDTH)


def _encode(number: int, *, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _decode(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _VALUES[character]
    return number
