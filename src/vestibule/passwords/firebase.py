"""Firebase's scrypt: the derived key encrypts a secret of the project, and that is the hash.

The parameters are the project's, so they stand in the settings, not in each hash; without the
signer key nobody can try passwords against a stolen database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from vestibule.passwords.families import Family, Match, Unverifiable, from_base64

PATTERN = r"\$firebase-scrypt\$(?P<salt>[A-Za-z0-9+/_-]+={0,2})\$(?P<digest>[A-Za-z0-9+/_-]+={0,2})"


@dataclass(frozen=True, slots=True)
class FirebaseProject:
    """The hash parameters of one Firebase project, as its console shows them."""

    signer_key: SecretStr
    """Base64."""
    salt_separator: str
    """Base64."""
    rounds: int
    memory_cost: int
    """The logarithm of scrypt's N."""

    def digest(self, password: bytes, salt: bytes) -> bytes:
        """The hash of a password: AES-256-CTR of the signer key under the scrypt key."""
        n = 1 << self.memory_cost
        key = hashlib.scrypt(
            password,
            salt=salt + base64.b64decode(self.salt_separator),
            n=n,
            r=self.rounds,
            p=1,
            maxmem=128 * self.rounds * (n + 5) + 1024**2,
            dklen=32,
        )
        # A key is used for one message only, so the counter may begin at nothing.
        encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return encryptor.update(base64.b64decode(self.signer_key.get_secret_value()))


def firebase_family(project: FirebaseProject | None) -> Family:
    """Hashes of one project; groups `salt`, `digest`. Without a project none can be verified."""

    def check(match: Match) -> None:
        decode(match["salt"])
        if len(decode(match["digest"])) < 16:
            raise Unverifiable("malformed")

    def verify(match: Match, password: bytes) -> bool:
        if project is None:
            raise Unverifiable("no Firebase project is set")
        given = project.digest(password, decode(match["salt"]))
        return hmac.compare_digest(given, decode(match["digest"]))

    return Family(check, verify)


def decode(text: str) -> bytes:
    """Base64 as Firebase exports it: of either alphabet."""
    return from_base64(re.sub("[-_]", lambda m: {"-": "+", "_": "/"}[m[0]], text))
