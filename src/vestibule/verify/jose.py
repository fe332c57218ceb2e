"""Signed JSON (RFC 7515) and public keys (RFC 7517), read strictly."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey

MAX_TOKEN = 8192
"""Characters of a token that are looked at."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID = re.compile(r"[!-~]{1,256}")

_REFUSED = frozenset({"b64", "crit", "jku", "x5c", "x5u", "zip"})
"""Header parameters that name a key of the sender's choice, or change what is signed."""

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that nobody publishes (RFC 7518 §6)."""

_RSA_BITS = range(2048, 8193)
"""Shorter ones are weak; longer ones keep a processor busy."""

_ALGORITHMS: dict[tuple[str, str | None], frozenset[str]] = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("RSA", None): frozenset({"RS256", "PS256"}),
    ("OKP", "Ed25519"): frozenset({"Ed25519", "EdDSA"}),
}
"""What a key of this kind may verify. All asymmetric: no public key is ever taken for a secret."""

_SAME = frozenset({"Ed25519", "EdDSA"})
"""Two names of one algorithm (RFC 9864 §2.2)."""


class Malformed(ValueError):
    """What was sent is not what it should be; never says more, and never what was sent."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies, and the algorithms that it does so by."""

    key: ECKey | OKPKey | RSAKey
    algorithms: frozenset[str]

    def thumbprint(self) -> str:
        """The SHA-256 thumbprint of RFC 7638."""
        return self.key.thumbprint()


class _Registry(jws.JWSRegistry):
    """Exactly the algorithms named, and room for a public RSA key in the header of a proof."""

    max_header_length = 4096
    # The whole token was measured before: see `header`.
    max_payload_length = 65536

    def get_alg(self, name: str) -> Any:
        # Without the library's warning at EdDSA: that name is the issuer's choice, not ours.
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


@cache
def _registry(algorithms: frozenset[str]) -> _Registry:
    return _Registry(algorithms=algorithms)


def header(
    token: str, *, types: Sequence[str], embedded: bool = False, longest: int = MAX_TOKEN
) -> dict[str, Any]:
    """The header of a compact JWS, not believed yet. Raises `Malformed`.

    `typ` must be one of `types`, in lower case; where it may be missing, "" is one of them. A
    header that carries a key is refused, unless `embedded`: the profile demands one. Nothing over
    `longest` characters is looked at.
    """
    if len(token) > longest or not (found := _COMPACT.fullmatch(token)):
        raise Malformed
    try:
        fields = parse(urlsafe_b64decode(found.group(1) + "=="))
    except ValueError:
        raise Malformed from None
    kind = fields.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        raise Malformed
    if not _REFUSED.isdisjoint(fields) or ("jwk" in fields) is not embedded:
        raise Malformed
    return fields


def key_id(fields: dict[str, Any]) -> str:
    """The `kid` of a header: a name and nothing else. Raises `Malformed`."""
    kid = fields.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise Malformed
    return kid


def verified(token: str, key: PublicKey) -> dict[str, Any]:
    """What the key has signed. Raises `Malformed`, also where `alg` is none of the key's own."""
    try:
        signed = jws.deserialize_compact(
            token, key.key, algorithms=key.algorithms, registry=_registry(key.algorithms)
        )
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed from None
    return parse(signed.payload)


def parse(content: bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice (RFC 7515 §4). Raises `Malformed`."""
    try:
        value = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(value, dict):
        raise Malformed
    return value


def public_key(jwk: object) -> PublicKey:
    """The key of a JWK. Raises `Malformed` for what is private, weak, or not for signatures."""
    if not isinstance(jwk, dict) or not _PRIVATE.isdisjoint(jwk):
        raise Malformed
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        raise Malformed
    algorithms = _ALGORITHMS.get((kind, curve))
    if algorithms is None or jwk.get("use", "sig") != "sig":
        raise Malformed
    if "alg" in jwk:
        algorithms = _named(jwk["alg"], algorithms)
    # Checked above: the library would take the two names of one algorithm for two.
    rest = {name: value for name, value in jwk.items() if name != "alg"}
    try:
        return PublicKey(_import(kind, rest), algorithms)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Malformed from None


def _named(alg: object, algorithms: frozenset[str]) -> frozenset[str]:
    """The one of them that the key is for (RFC 7517 §4.4)."""
    if not isinstance(alg, str) or alg not in algorithms:
        raise Malformed
    return _SAME if alg in _SAME else frozenset({alg})


def _import(kind: str, jwk: dict[str, Any]) -> ECKey | OKPKey | RSAKey:
    if kind == "EC":
        return ECKey.import_key(jwk)
    if kind == "OKP":
        return OKPKey.import_key(jwk)
    # Before the import, where the library would warn of each weak key that a stranger sends.
    modulus = int.from_bytes(urlsafe_b64decode(str(jwk["n"]) + "=="))
    if modulus.bit_length() not in _RSA_BITS:
        raise Malformed
    return RSAKey.import_key(jwk)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed
    return value


def _no_constant(_name: str) -> Any:
    raise Malformed
