"""What a good token says, and each way in which a token is not good (RFC 9068 §4)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.verify.issuer import AUDIENCE, ISSUER, Issuer, Key, b64, public, signed, signed_raw
from tests.world import FakeClock
from vestibule.verify import (
    AccessToken,
    ExpiredToken,
    InsufficientScope,
    InvalidToken,
    Verifier,
)


def test_a_good_token_says_who_and_for_what(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    token = issuer.token(roles=["a", {"b": ["c"]}])

    found = verifier.verify(token)

    now = int(clock.now)
    assert found == AccessToken(
        subject="alice",
        client_id="portal",
        scopes=frozenset({"openid", "projects:write"}),
        org_id="0190",
        org_key="acme",
        org_role="member",
        session_id="session",
        jti="one",
        issued_at=now,
        expires_at=now + 900,
        auth_time=now,
        cnf_jkt=None,
        claims=found.claims,
    )
    assert found.claims["iss"] == ISSUER
    assert found.claims["roles"] == ("a", {"b": ("c",)})
    assert token not in repr(found)


def test_what_a_token_says_can_not_be_changed(issuer: Issuer, verifier: Verifier) -> None:
    found = verifier.verify(issuer.token(roles={"a": []}))

    for change in (
        lambda: setattr(found, "subject", "bob"),
        lambda: found.claims.update(sub="bob"),  # type: ignore[attr-defined]
        lambda: found.claims["roles"].update(a="b"),
        lambda: found.claims["roles"]["a"].append("b"),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()


async def test_both_ways_to_ask_give_the_same(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token()

    assert await verifier.averify(token) == verifier.verify(token)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ECKey.generate_key("P-256"),
        lambda: OKPKey.generate_key("Ed25519"),
        lambda: RSAKey.generate_key(2048),
    ],
    ids=["ES256", "Ed25519", "RS256"],
)
def test_each_algorithm_of_the_issuer_is_understood(
    issuer: Issuer, verifier: Verifier, make: Callable[[], Key]
) -> None:
    issuer.keys = {"key": make()}

    assert verifier.verify(issuer.token()).subject == "alice"


def test_the_former_name_of_ed25519_is_understood(issuer: Issuer, verifier: Verifier) -> None:
    key = OKPKey.generate_key("Ed25519")
    issuer.keys = {"key": key}
    token = signed({"alg": "EdDSA", "typ": "at+jwt", "kid": "key"}, issuer.claims(), key)

    assert verifier.verify(token).subject == "alice"


def test_an_audience_among_others_is_enough(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token(aud=["https://other.example", AUDIENCE])

    assert verifier.verify(token).subject == "alice"


def test_the_media_type_may_be_written_whole(issuer: Issuer, verifier: Verifier) -> None:
    header = {"alg": "ES256", "typ": "application/AT+JWT", "kid": "first"}

    assert verifier.verify(signed(header, issuer.claims(), issuer.keys["first"])).subject


def test_the_audience_is_by_default_the_issuer(issuer: Issuer) -> None:
    verifier = issuer.verifier(audience=None)

    assert verifier.verify(issuer.token(aud=ISSUER)).subject == "alice"
    with pytest.raises(InvalidToken):
        verifier.verify(issuer.token())


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    content = f"{b64(header)}.{b64(claims)}"
    return f"{content}.{b64(hmac.digest(secret, content.encode(), 'sha256'))}"


async def test_every_forgery_is_refused(issuer: Issuer, verifier: Verifier) -> None:
    key = issuer.keys["first"]
    rsa = issuer.keys["rsa"] = RSAKey.generate_key(2048)
    stranger = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "first"}
    claims = issuer.claims()
    true = signed(header, claims, key)
    head, body, signature = true.split(".")
    jwks = public(key, "first")
    plain = json.dumps(claims)

    def by_us(**changes: Any) -> str:
        return signed({**header, **changes}, claims, key)

    def by_stranger(**changes: Any) -> str:
        return signed({**header, **changes}, claims, stranger)

    forgeries = {
        "no signature": f"{b64({**header, 'alg': 'none'})}.{body}.",
        "no algorithm, a signature": f"{b64({**header, 'alg': 'none'})}.{body}.{signature}",
        "NONE": f"{b64({**header, 'alg': 'nOnE'})}.{body}.{signature}",
        "the public key as a secret": _hs256(
            {**header, "alg": "HS256"}, claims, key.as_pem(private=False)
        ),
        "the JWK as a secret": _hs256(
            {**header, "alg": "HS256"}, claims, json.dumps(jwks).encode()
        ),
        "the RSA key as a secret": _hs256(
            {**header, "alg": "HS256", "kid": "rsa"}, claims, rsa.as_pem(private=False)
        ),
        "another algorithm of the RSA key": signed(
            {**header, "alg": "PS256", "kid": "rsa"}, claims, rsa
        ),
        "the algorithm of another key": signed({**header, "alg": "RS256"}, claims, rsa),
        "another key of that name": by_stranger(),
        "an embedded key": by_stranger(jwk=stranger.as_dict(private=False)),
        "an embedded key, signed by us": by_us(jwk=stranger.as_dict(private=False)),
        "a key elsewhere": by_stranger(jku="https://evil.example/jwks.json"),
        "a key elsewhere, signed by us": by_us(jku="https://evil.example/jwks.json"),
        "a certificate elsewhere": by_us(x5u="https://evil.example/cert"),
        "an embedded certificate": by_us(x5c=["MIIB"]),
        "a critical extension": by_us(crit=["exp"]),
        "an empty list of critical extensions": by_us(crit=[]),
        "an unencoded payload": by_us(b64=False, crit=["b64"]),
        "a kid that walks": by_us(kid="../../x"),
        "a kid that walks to a known file": by_us(kid="/dev/null"),
        "a kid of SQL": by_us(kid="first' OR '1'='1"),
        "a kid of SQL that unites": by_us(kid="x' UNION SELECT 'secret"),
        "a kid with NUL": by_us(kid="first\x00"),
        "a kid that is a number": by_us(kid=1),
        "a kid that is a list": by_us(kid=["first"]),
        "a kid that is huge": by_us(kid="x" * 300),
        "no kid": signed({"alg": "ES256", "typ": "at+jwt"}, claims, key),
        "an ID token": by_us(typ="JWT"),
        "a logout token": by_us(typ="logout+jwt"),
        "a type that is a list": by_us(typ=["at+jwt"]),
        "no type": signed({"alg": "ES256", "kid": "first"}, claims, key),
        "tampered": f"{head}.{b64({**claims, 'sub': 'bob'})}.{signature}",
        "a signature cut short": true[:-4],
        "no signature at all": f"{head}.{body}.",
        "a zero signature": f"{head}.{body}.{b64(bytes(64))}",
        "a header that is no base64": f"x.{body}.{signature}",
        "claims that are no base64": f"{head}.x.{signature}",
        "a signature that is no base64": f"{head}.{body}.x",
        "four parts": f"{true}.{signature}",
        "characters that decoders pass over": f"{head}.{body}.{signature}\n",
        "padding": f"{head}.{body}.{signature}==",
        "names twice in the header": signed_raw(
            json.dumps(header)[:-1].encode() + b', "kid": "first"}', plain.encode(), key
        ),
        "names twice": signed(header, f'{plain[:-1]}, "sub": "bob"}}'.encode(), key),
        "names twice within": signed(
            header, f'{plain[:-1]}, "x": {{"a": 1, "a": 2}}}}'.encode(), key
        ),
        "a time without end": signed(
            header, plain.replace('"exp": ', '"exp": 1e400, "was": ').encode(), key
        ),
        "no object": signed(header, b'["alice"]', key),
        "no JSON": signed(header, b"alice", key),
        "no UTF-8": signed(header, b'{"sub": "\xff"}', key),
        "a header that is deep": f"{b64(b'[' * 6000)}.{body}.{signature}"[:8000],
        "claims that are deep": signed(header, b'{"a":' * 900 + b"1" + b"}" * 900, key),
        "huge": signed(header, issuer.claims(x="x" * 9000), key),
        "empty": "",
        "dots": "..",
        "no ASCII": f"{head}.{body}.ä",
        "a lone surrogate": f"{head}.{body}.\ud800",
    }

    assert verifier.verify(true).subject == "alice"
    for what, forgery in forgeries.items():
        with pytest.raises(InvalidToken):
            pytest.fail(f"{what} was accepted: {verifier.verify(forgery)}")
        with pytest.raises(InvalidToken):
            pytest.fail(f"{what} was accepted: {await verifier.averify(forgery)}")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": AUDIENCE + "/"},
        {"aud": ["https://other.example"]},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"client_id": None},
        {"client_id": ["portal"]},
        {"jti": None},
        {"iat": None},
        {"iat": "1"},
        {"exp": None},
        {"exp": True},
        {"exp": "9999999999"},
        {"exp": 1e400},
        {"iat": 1_800_000_011},
        {"nbf": 1_800_000_011},
        {"scope": ["openid"]},
        {"org_key": 7},
        {"sid": {}},
        {"cnf": {"x5t#S256": "thumbprint"}},
        {"cnf": "jkt"},
        {"cnf": {"jkt": 1}},
        {"exp": 1_799_999_989, "aud": "https://other.example"},
    ],
    ids=str,
)
def test_claims_that_are_not_for_us_are_refused(
    issuer: Issuer, verifier: Verifier, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken) as refused:
        verifier.verify(issuer.token(**changes))

    assert not isinstance(refused.value, ExpiredToken)


def test_a_token_is_good_from_its_time_to_its_end_with_leeway(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    now = int(clock.now)
    token = issuer.token(iat=now + 100, nbf=now + 100, exp=now + 200)

    clock.advance(89)
    with pytest.raises(InvalidToken, match="not valid yet"):
        verifier.verify(token)
    clock.advance(1)
    assert verifier.verify(token)
    clock.advance(119.9)
    assert verifier.verify(token)
    clock.advance(0.1)

    with pytest.raises(ExpiredToken):
        verifier.verify(token)
    with pytest.raises(ExpiredToken):
        issuer.verifier().verify(token)


def test_a_scope_that_is_lacking_is_named(issuer: Issuer, verifier: Verifier) -> None:
    found = verifier.verify(issuer.token())

    assert found.has_scopes("openid", "projects:write")
    assert not found.has_scopes("openid", "admin")
    found.require_scopes("projects:write")
    with pytest.raises(InsufficientScope) as refused:
        found.require_scopes("projects:write", "admin")
    assert refused.value.challenge() == (
        'Bearer realm="vestibule", error="insufficient_scope", '
        'error_description="This needs the scope projects:write admin", '
        'scope="projects:write admin"'
    )


def test_errors_never_hold_what_was_sent(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.token(aud="https://other.example")

    with pytest.raises(InvalidToken) as refused:
        verifier.verify(token)

    assert str(refused.value) == "Invalid access token"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "http://auth.example.org"},
        {"issuer": "auth.example.org"},
        {"issuer": "ftp://auth.example.org"},
        {"jwks_uri": "http://auth.example.org/jwks.json"},
        {"leeway": 3600},
        {"leeway": -1},
    ],
    ids=str,
)
def test_what_would_not_be_safe_is_refused_at_once(issuer: Issuer, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        issuer.verifier(**options)


def test_plain_http_can_be_asked_for_and_is_free_on_this_machine(issuer: Issuer) -> None:
    issuer.verifier(issuer="http://auth.example.org", allow_http=True)
    issuer.verifier(issuer="http://127.0.0.1:8000")
    issuer.verifier(issuer="http://localhost:8000")
    issuer.verifier(issuer="http://[::1]:8000")
