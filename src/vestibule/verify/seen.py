"""Tokens that were verified already, so that seen ones cost a look."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from vestibule.verify.jose import PublicKey
from vestibule.verify.token import AccessToken


class Entry(NamedTuple):
    """A verified token, and what its being good hangs on."""

    token: AccessToken
    ends_at: float
    """Seconds since the epoch, leeway included."""
    kid: str | None
    """The name of the key that verified it; None where only the issuer's word counts."""
    key: PublicKey | None
    good_until: float
    """By the monotonic clock: from then on the issuer is asked again."""


class Seen:
    """The tokens used last, by their digests: no token can be read out of it."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: str) -> Entry | None:
        """What is known of it, to be checked against clock and keys by the caller."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            entry = self._entries.get(digest)
            if entry is not None:
                self._entries.move_to_end(digest)
            return entry

    def put(self, token: str, entry: Entry) -> None:
        """Remember, and forget what was longest unused."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            self._entries[digest] = entry
            self._entries.move_to_end(digest)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, token: str) -> None:
        """Forget it: it has ended, or its key has left."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            self._entries.pop(digest, None)
