"""Refresh tokens: what they are made of.

`vsr_` and, in base64url, the session's id, 256 secret bits and a tag. The tag proves that we
made the token, so that an old one that comes back (its family must end) can be told from one
that was made up (nobody's family may end for it) without keeping every old one.

The secret of a successor is computed from its predecessor, a stored random salt and a key that
is not in the database. Whoever lost the answer to a refresh gets the same successor again, yet
nothing stored can be spent: the database alone holds digests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import SecretStr

PREFIX = "vsr_"
SALT_BYTES = 16

_ID, _SECRET, _TAG = 16, 32, 16
_LENGTH = len(PREFIX) + 4 * -(-(_ID + _SECRET + _TAG) // 3) - 2
"""Characters; base64url of 64 bytes ends in two signs of padding, which are left out."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A genuine refresh token or cookie, taken apart. It may be spent or expired all the same."""

    session_id: UUID
    digest: bytes = field(repr=False)
    secret: bytes = field(repr=False)


class RefreshTokens:
    """Makes them and takes them apart."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: the present key first, then former ones that are still believed."""
        self._keys = keys

    def first(self, session_id: UUID) -> SecretStr:
        """The first one of a session."""
        return self._compose(session_id, secrets.token_bytes(_SECRET))

    def successor(self, presented: Presented, *, salt: bytes) -> SecretStr:
        """The one that follows: the same for the same salt."""
        return self._compose(presented.session_id, self._derive(self._keys[0], presented, salt))

    def successor_with_digest(
        self, presented: Presented, *, salt: bytes, expected: bytes
    ) -> SecretStr | None:
        """The successor that was given out, told by its digest; None where it was another one."""
        for key in self._keys:
            secret = self._derive(key, presented, salt)
            for tag_key in self._keys:
                token = self._compose(presented.session_id, secret, key=tag_key)
                if hmac.compare_digest(digest_of(token), expected):
                    return token
        return None

    def parse(self, token: str) -> Presented | None:
        """What a token says; None for one that we did not make. Asks no database."""
        if len(token) != _LENGTH or not token.startswith(PREFIX):
            return None
        encoded = token.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(encoded + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != encoded:
            return None  # another spelling of the same bytes is not what we gave out
        signed, tag = raw[: _ID + _SECRET], raw[_ID + _SECRET :]
        if not any(hmac.compare_digest(_tag(key, signed), tag) for key in self._keys):
            return None
        session_id = UUID(bytes=signed[:_ID])
        secret = signed[_ID:]
        return Presented(session_id, hashlib.sha256(token.encode()).digest(), secret)

    def _derive(self, key: bytes, presented: Presented, salt: bytes) -> bytes:
        message = b"successor" + presented.session_id.bytes + presented.secret + salt
        return hmac.digest(key, message, "sha256")

    def _compose(self, session_id: UUID, secret: bytes, *, key: bytes | None = None) -> SecretStr:
        signed = session_id.bytes + secret
        raw = signed + _tag(key or self._keys[0], signed)
        return SecretStr(PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def digest_of(token: SecretStr) -> bytes:
    """What is stored of it."""
    return hashlib.sha256(token.get_secret_value().encode()).digest()


def _tag(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, b"tag" + signed, "sha256")[:_TAG]
