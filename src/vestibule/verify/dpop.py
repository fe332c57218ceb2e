"""Proofs that the sender of a token holds the key that it is bound to (RFC 9449)."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections import Counter, OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from vestibule.verify import jose
from vestibule.verify.clock import Clock
from vestibule.verify.errors import InvalidProof

WINDOW = 60.0
"""Seconds after `iat` that a proof is good for (§11.1)."""
MAX_PROOFS = 100_000
"""Proofs that are remembered; where there is no room for one more, it is refused."""
SHARE = 10
"""One key may take up the room of one in so many, so that no client can lock out the others."""

_JTI = re.compile(r"[ -~]{1,256}")
_PORTS = {"https": ":443", "http": ":80"}


class Proofs:
    """Checks proofs, and that each is used once. It remembers for this process only."""

    def __init__(self, *, clock: Clock, leeway: float, size: int = MAX_PROOFS) -> None:
        self._clock = clock
        self._leeway = leeway
        self._size = size
        self._lock = Lock()
        self._used: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._shares: Counter[str] = Counter()

    def check(self, proof: str, *, token: str, jkt: str, method: str, url: str) -> None:
        """Raise `InvalidProof` unless the proof is for this request, token and key (§4.3)."""
        try:
            header = jose.header(proof, types=("dpop+jwt",), embedded=True)
            key = jose.public_key(header["jwk"])
            # Before the signature: only the key of the token is worth the time.
            if not hmac.compare_digest(key.thumbprint(), jkt):
                raise InvalidProof
            claims = jose.verified(proof, key)
        except jose.Malformed:
            raise InvalidProof from None
        if claims.get("htm") != method or _address(claims.get("htu")) != _address(url):
            raise InvalidProof("The DPoP proof is for another request")
        if not _equal(claims.get("ath"), _digest(token)):
            raise InvalidProof("The DPoP proof is for another token")
        self._check_time(claims.get("iat"))
        self._use(claims.get("jti"), jkt)

    def _check_time(self, issued: object) -> None:
        if isinstance(issued, bool) or not isinstance(issued, int | float):
            raise InvalidProof
        age = self._clock.time() - issued
        # Written so that what compares with nothing is refused.
        if not -self._leeway <= age <= WINDOW + self._leeway:
            raise InvalidProof("The DPoP proof is too old, or not valid yet")

    def _use(self, jti: object, jkt: str) -> None:
        """Note the proof as used, and keep it as long as another of its `jti` could pass."""
        if not isinstance(jti, str) or not _JTI.fullmatch(jti):
            raise InvalidProof
        digest = sha256(f"{jkt} {jti}".encode()).digest()
        now = self._clock.monotonic()
        with self._lock:
            self._forget(now)
            if digest in self._used:
                raise InvalidProof("The DPoP proof was used before")
            if len(self._used) >= self._size or self._shares[jkt] * SHARE >= self._size:
                raise InvalidProof("Too many DPoP proofs")
            self._used[digest] = (now + WINDOW + 2 * self._leeway + 1, jkt)
            self._shares[jkt] += 1

    def _forget(self, now: float) -> None:
        while self._used:
            digest, (until, jkt) = next(iter(self._used.items()))
            if now < until:
                break
            del self._used[digest]
            self._shares[jkt] -= 1
            if not self._shares[jkt]:
                del self._shares[jkt]


def _digest(token: str) -> str:
    """`ath` of a token (§4.2)."""
    return urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")


def _equal(told: Any, expected: str) -> bool:
    return isinstance(told, str) and hmac.compare_digest(told.encode(), expected.encode())


def _address(url: object) -> tuple[str, str, str] | None:
    """Scheme, host and path, as far as spellings of one address may differ (§4.3 no. 9)."""
    if not isinstance(url, str):
        raise InvalidProof
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ""))
    except ValueError:
        raise InvalidProof from None
    if not host:
        raise InvalidProof
    return parts.scheme, host, parts.path or "/"
