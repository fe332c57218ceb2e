"""Proofs of possession of a client's key (RFC 9449): a stolen token alone opens nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import SplitResult, urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vestibule.clock import Clock
from vestibule.errors import InvalidDpopProof
from vestibule.tokens.replays import Replays

HEADER = "dpop"
ALGORITHMS = ["ES256", "RS256", "PS256", "Ed25519"]
MAX_PROOF = 8192
WINDOW = 60
"""Seconds that a proof's `iat` may differ from our clock (§11.1)."""


class _Registry(jws.JWSRegistry):
    """Takes headers that an RSA key fits in, and ignores what it does not know (RFC 7515 §4)."""

    max_header_length = 4096


REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)
KEYS: dict[str, type[ECKey | RSAKey | OKPKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
MIN_RSA_BITS = 2048


class Dpop:
    """Checks proofs."""

    def __init__(self, *, replays: Replays, clock: Clock, issuer: str) -> None:
        """`issuer` is the public base URL: what clients call is below it."""
        self._replays = replays
        self._clock = clock
        self._issuer = issuer

    async def thumbprint(
        self, proof: str, *, method: str, path: str, access_token: str | None = None
    ) -> str:
        """The thumbprint (RFC 7638) of the key that has made this proof for this request (§4.3).

        With `access_token` the proof must be for that one. Raises `InvalidDpopProof`.
        """
        try:
            header, claims, jkt = _verified(proof)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _refused("dpop_proof") from None
        if header.get("typ") != "dpop+jwt":
            raise _refused("dpop_type")
        if claims.get("htm") != method or not self._is_here(claims.get("htu"), path):
            raise _refused("dpop_request")
        iat, jti = claims.get("iat"), claims.get("jti")
        now = self._clock.time()
        # Compared so that it is also refused where it is no number (NaN), or too large for one.
        if not isinstance(iat, int | float) or not now - WINDOW <= iat <= now + WINDOW:
            raise _refused("dpop_time")
        if access_token is not None and not _is_of(claims.get("ath"), access_token):
            raise _refused("dpop_token")
        if not isinstance(jti, str) or not jti:
            raise _refused("dpop_jti")
        if not await self._replays.first_use(
            "dpop", jkt, jti, issued_at=iat, expires_at=iat + WINDOW + 1
        ):
            raise _refused("dpop_replay")
        return jkt

    def _is_here(self, htu: object, path: str) -> bool:
        """Whether `htu` is this request's address, without query and fragment (§4.3 no. 9)."""
        if not isinstance(htu, str):
            return False
        try:
            told, here = urlsplit(htu), urlsplit(self._issuer + path)
            same_origin = _origin(told) == _origin(here)
        except ValueError:
            return False
        bare = not (told.query or told.fragment or "@" in told.netloc)
        return same_origin and told.path == here.path and bare


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Normalized by scheme (RFC 3986 §6.2.3), as §4.3 asks. Raises `ValueError`."""
    return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)


def _verified(proof: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(header, claims, thumbprint) of a proof whose signature is its own key's."""
    if len(proof) > MAX_PROOF or proof.count(".") != 2:
        raise ValueError("not a compact JWS")
    header: dict[str, Any] = dict(jws.extract_compact(proof.encode(), None, REGISTRY).headers())
    if header.get("alg") not in ALGORITHMS or "crit" in header:
        raise ValueError("not an algorithm for this")
    jwk = header["jwk"]
    if not isinstance(jwk, dict) or "d" in jwk or "k" in jwk:
        raise ValueError("not a public key")
    key = KEYS[jwk["kty"]].import_key(jwk)
    if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
        raise ValueError("too short a key")
    verified = jws.deserialize_compact(proof, key, registry=REGISTRY)
    claims = json.loads(verified.payload)
    if not isinstance(claims, dict):
        raise TypeError("no claims")
    return header, claims, key.thumbprint()


def _is_of(ath: object, access_token: str) -> bool:
    digest = hashlib.sha256(access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return isinstance(ath, str) and secrets.compare_digest(
        ath.encode("utf-8", "surrogatepass"), expected
    )


def _refused(cause: str) -> InvalidDpopProof:
    return InvalidDpopProof("The DPoP proof is not valid for this request", cause=cause)
