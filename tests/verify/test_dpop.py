"""Tokens that are bound to a key, and proofs of it (RFC 9449 §4.3, §7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.verify.issuer import Holder, Issuer, Key, signed
from tests.world import FakeClock
from vestibule.verify import InvalidProof, InvalidToken, Verifier
from vestibule.verify.dpop import Proofs

URL = "https://api.example.org/projects"


@pytest.fixture
def token(issuer: Issuer, holder: Holder) -> str:
    return issuer.token(cnf=holder.cnf)


async def test_a_bound_token_is_good_with_a_proof(
    verifier: Verifier, holder: Holder, token: str
) -> None:
    found = verifier.verify_dpop(token, holder.proof(token), method="GET", url=URL)
    again = await verifier.averify_dpop(token, holder.proof(token), method="GET", url=URL)

    assert found is again
    assert found.cnf_jkt == holder.cnf["jkt"]


async def test_a_bound_token_is_refused_as_bearer(verifier: Verifier, token: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidToken, match="DPoP proof"):
            verifier.verify(token)
        with pytest.raises(InvalidToken, match="DPoP proof"):
            await verifier.averify(token)


def test_a_token_of_no_key_gains_nothing_by_a_proof(
    issuer: Issuer, verifier: Verifier, holder: Holder
) -> None:
    token = issuer.token()

    with pytest.raises(InvalidToken):
        verifier.verify_dpop(token, holder.proof(token), method="GET", url=URL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ECKey.generate_key("P-256"),
        lambda: OKPKey.generate_key("Ed25519"),
        lambda: RSAKey.generate_key(3072),
    ],
    ids=["ES256", "Ed25519", "RS256"],
)
def test_a_client_may_choose_its_kind_of_key(
    issuer: Issuer, verifier: Verifier, clock: FakeClock, make: Callable[[], Key]
) -> None:
    holder = Holder(clock, make())
    token = issuer.token(cnf=holder.cnf)

    assert verifier.verify_dpop(token, holder.proof(token), method="GET", url=URL)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/projects?page=2#top",
        "HTTPS://API.example.org/projects",
        "https://api.example.org:443/projects",
    ],
)
def test_spellings_of_one_address_are_one(
    verifier: Verifier, holder: Holder, token: str, url: str
) -> None:
    assert verifier.verify_dpop(token, holder.proof(token), method="GET", url=url)
    assert verifier.verify_dpop(token, holder.proof(token, url=url), method="GET", url=URL)


def test_every_proof_that_does_not_fit_is_refused(
    issuer: Issuer, verifier: Verifier, holder: Holder, token: str, clock: FakeClock
) -> None:
    now = int(clock.now)
    stranger = Holder(clock)
    private = holder.key.as_dict(private=True)
    other = issuer.token(jti="other", cnf=holder.cnf)
    good = holder.proof(token)
    head, body, _ = good.split(".")

    def proof(header: dict[str, Any] | None = None, **claims: Any) -> str:
        return holder.proof(token, header=header, **claims)

    proofs = {
        "of another key": stranger.proof(token),
        "of another key that is said to be ours": holder.proof(token, key=stranger.key),
        "with a private key": proof({"jwk": private}),
        "with a secret as key": proof({"jwk": {"kty": "oct", "k": "c2VjcmV0"}}),
        "without a key": signed({"typ": "dpop+jwt", "alg": "ES256"}, {"htm": "GET"}, holder.key),
        "with a key that is none": proof({"jwk": "key"}),
        "of another type": proof({"typ": "at+jwt"}),
        "of no type": proof({"typ": None}),
        "of another algorithm": f"{_head(holder, alg='none')}.{body}.",
        "of an algorithm for secrets": f"{_head(holder, alg='HS256')}.{body}.c2lnbmF0dXJl",
        "with a critical extension": proof({"crit": ["x"], "x": 1}),
        "for another method": proof(htm="POST"),
        "for the method in lower case": proof(htm="get"),
        "for no method": proof(htm=None),
        "for another host": proof(htu="https://evil.example/projects"),
        "for another path": proof(htu="https://api.example.org/projects/1"),
        "for another path by a slash": proof(htu="https://api.example.org/projects/"),
        "for another scheme": proof(htu="http://api.example.org/projects"),
        "for another port": proof(htu="https://api.example.org:8443/projects"),
        "with a user in the host": proof(htu="https://api.example.org@evil.example/projects"),
        "for no address": proof(htu=None),
        "for an address that is none": proof(htu="https://[/projects"),
        "for a list": proof(htu=[URL]),
        "of the past": proof(iat=now - 71),
        "of the future": proof(iat=now + 11),
        "of no time": proof(iat=None),
        "of a time that is none": proof(iat="now"),
        "of a time that is true": proof(iat=True),
        "of endless time": proof(iat=float("inf")),
        "without jti": proof(jti=None),
        "with an empty jti": proof(jti=""),
        "with a huge jti": proof(jti="x" * 300),
        "with a jti that is none": proof(jti=["x"]),
        "of another token": holder.proof(other),
        "of no token": proof(ath=None),
        "of a token that is none": proof(ath=7),
        "with a stranger's signature": f"{head}.{body}.{stranger.proof(token).split('.')[2]}",
        "tampered": f"{head}.{proof().split('.')[1]}.{good.split('.')[2]}",
        "empty": "",
        "huge": proof(x="x" * 9000),
    }

    for what, text in proofs.items():
        with pytest.raises(InvalidProof):
            pytest.fail(
                f"a proof {what}: {verifier.verify_dpop(token, text, method='GET', url=URL)}"
            )
    assert verifier.verify_dpop(token, good, method="GET", url=URL)


def _head(holder: Holder, **changes: str) -> str:
    from tests.verify.issuer import b64

    return b64({"typ": "dpop+jwt", "jwk": holder.key.as_dict(private=False), **changes})


def test_a_proof_is_good_once(
    verifier: Verifier, holder: Holder, token: str, clock: FakeClock
) -> None:
    proof = holder.proof(token, iat=int(clock.now) + 10)
    verifier.verify_dpop(token, proof, method="GET", url=URL)

    # As long as its time is not over, that is: leeway ahead, a minute, leeway.
    for _ in range(80):
        clock.advance(1)
        with pytest.raises(InvalidProof, match="used before"):
            verifier.verify_dpop(token, proof, method="GET", url=URL)
    clock.advance(1)

    with pytest.raises(InvalidProof, match="too old"):
        verifier.verify_dpop(token, proof, method="GET", url=URL)


def test_a_proof_that_was_refused_is_not_used_up(
    verifier: Verifier, holder: Holder, token: str
) -> None:
    proof = holder.proof(token)
    with pytest.raises(InvalidProof):
        verifier.verify_dpop(token, proof, method="POST", url=URL)

    assert verifier.verify_dpop(token, proof, method="GET", url=URL)


def test_no_client_can_lock_out_the_others(
    issuer: Issuer, holder: Holder, clock: FakeClock
) -> None:
    proofs = Proofs(clock=clock, leeway=10, size=100)
    other = Holder(clock)

    def use(by: Holder) -> None:
        proof = by.proof("token")
        proofs.check(proof, token="token", jkt=by.cnf["jkt"], method="GET", url=URL)

    for _ in range(10):
        use(holder)
    with pytest.raises(InvalidProof, match="Too many"):
        use(holder)
    use(other)
    clock.advance(82)

    use(holder)
    assert len(proofs._used) == 1


def test_a_refusal_is_a_challenge_of_the_scheme_that_proofs_belong_to() -> None:
    assert InvalidProof().challenge(scheme="Bearer") == (
        'DPoP realm="vestibule", error="invalid_dpop_proof", '
        'error_description="Invalid DPoP proof", algs="ES256 RS256 PS256 Ed25519 EdDSA"'
    )
