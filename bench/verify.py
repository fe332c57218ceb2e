"""What it costs to verify a token, in the service behind: one thread, one core."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vestibule.verify import Verifier

ROUNDS = 7
NEW = 5_000
SEEN_TOKENS = 1_000
SEEN = 200_000
ISSUER = "https://auth.example.org"

Key = ECKey | OKPKey | RSAKey


def verification() -> Iterator[str]:
    """New tokens, whose signature is checked, and tokens that were seen before."""
    yield "| algorithm | new tokens/s | seen tokens/s | seen tokens/s, awaited |"
    yield "|---|---|---|---|"
    for algorithm, key in _keys():
        tokens = [_token(algorithm, key, number) for number in range(NEW)]
        rates = [_round(algorithm, key, tokens) for _ in range(ROUNDS)]
        cells = [f"{statistics.median(column):,.0f}" for column in zip(*rates, strict=True)]
        yield f"| {' | '.join([algorithm, *cells])} |"
    yield ""
    yield f"- the median of {ROUNDS} rounds, one thread, signing and fetching of keys not counted"


def _keys() -> list[tuple[str, Key]]:
    return [
        ("ES256", ECKey.generate_key("P-256")),
        ("RS256", RSAKey.generate_key(3072)),
        ("Ed25519", OKPKey.generate_key("Ed25519")),
    ]


def _round(algorithm: str, key: Key, tokens: list[str]) -> tuple[float, float, float]:
    jwks = {"keys": [key.as_dict(private=False, kid="key", alg=algorithm, use="sig")]}
    answer = httpx.MockTransport(lambda _request: httpx.Response(200, json=jwks))
    verifier = Verifier(
        issuer=ISSUER, jwks_uri=f"{ISSUER}/jwks.json", client=httpx.Client(transport=answer)
    )
    verifier.verify(_token(algorithm, key, -1))
    new = _rate(NEW, lambda: _each(verifier.verify, tokens))
    seen = tokens[:SEEN_TOKENS] * (SEEN // SEEN_TOKENS)
    looked = _rate(SEEN, lambda: _each(verifier.verify, seen))
    awaited = _rate(SEEN, lambda: asyncio.run(_await_each(verifier, seen)))
    return new, looked, awaited


def _rate(count: int, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _each(verify: Callable[[str], Any], tokens: list[str]) -> None:
    for token in tokens:
        verify(token)


async def _await_each(verifier: Verifier, tokens: list[str]) -> None:
    for token in tokens:
        await verifier.averify(token)


def _token(algorithm: str, key: Key, number: int) -> str:
    """A token such as the service hands out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "0190a3c5-7b1e-7cc3-98c4-dc0c0c07398f",
        "client_id": "vestibule",
        "iat": now,
        "exp": now + 900,
        "jti": f"{number:032x}",
        "auth_time": now,
        "scope": "email offline_access openid profile",
        "org_id": "0190a3c5-7b1e-7cc3-98c4-dc0c0c073990",
        "org_key": "acme",
        "org_role": "member",
        "sid": "0190a3c5-7b1e-7cc3-98c4-dc0c0c073991",
    }
    header = {"alg": algorithm, "typ": "at+jwt", "kid": "key"}
    return jwt.encode(header, claims, key, algorithms=[algorithm])
