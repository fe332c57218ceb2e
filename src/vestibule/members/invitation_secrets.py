"""The two secrets of an invitation, of which one proves that mail was received.

The mailed secret is 256 random bits and goes nowhere but into the mail. The one that the inviter
is told is its digest: it opens the invitation as well, yet nobody gets from it to the mailed one.
So an account that comes with the mailed secret has proved its address, and an inviter can't prove
an address that isn't theirs. The table holds one digest, of the told secret.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode

from pydantic import SecretStr

LABEL = b"vestibule invitation told to the inviter:"


def new_secret() -> SecretStr:
    """A mailed secret."""
    return SecretStr(secrets.token_urlsafe(32))


def told(mailed: SecretStr) -> SecretStr:
    """The secret for the inviter, from the mailed one."""
    digest = hashlib.sha256(LABEL + _bytes(mailed)).digest()
    return SecretStr(urlsafe_b64encode(digest).rstrip(b"=").decode())


def digest_of(secret: SecretStr) -> bytes:
    """What is stored of a told secret, and looked up."""
    return hashlib.sha256(_bytes(secret)).digest()


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode("utf-8", "surrogatepass")
