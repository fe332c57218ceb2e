"""Forged, stale and misused access tokens: at our own door, and at introspection for others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.attacks import forge
from tests.attacks.watch import Watch
from tests.oauth.flows import basic, bearer
from tests.world import FakeClock, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.wiring import Services

STRANGER = ECKey.generate_key("P-256", private=True)
STRANGERS_RSA = RSAKey.generate_key(2048, private=True)


@dataclass(frozen=True)
class Genuine:
    """A token of ours, and what a forger can know of it."""

    token: str
    header: dict[str, Any]
    claims: dict[str, Any]
    signature: str
    key: Any
    public: dict[str, Any]

    def signed(self, claims: dict[str, Any] | None = None, **header: Any) -> str:
        """With our own key, as if we had made it: what is wrong is the content alone."""
        return jwt.encode(
            {**self.header, **header}, self.claims if claims is None else claims, self.key,
            algorithms=["ES256"],
        )  # fmt: skip

    def by_stranger(self, **header: Any) -> str:
        return jwt.encode({**self.header, **header}, self.claims, STRANGER, algorithms=["ES256"])

    def without(self, name: str) -> str:
        return self.signed({k: v for k, v in self.claims.items() if k != name})


def _der(public: dict[str, Any]) -> bytes:
    return ECKey.import_key(public).as_der(private=False)


def _pem(public: dict[str, Any]) -> bytes:
    return ECKey.import_key(public).as_pem(private=False)


def _stranger_jwk() -> dict[str, Any]:
    return dict(STRANGER.as_dict(private=False))


Forgery = Callable[[Genuine], str]

FORGERIES: dict[str, tuple[Forgery, str | None]] = {
    "alg none": (lambda g: forge.unsigned({**g.header, "alg": "none"}, g.claims), "token_invalid"),
    "alg NoNe": (lambda g: forge.unsigned({**g.header, "alg": "NoNe"}, g.claims), "token_invalid"),
    "alg none, old signature": (
        lambda g: forge.unsigned({**g.header, "alg": "none"}, g.claims, g.signature),
        "token_invalid",
    ),
    "no alg": (
        lambda g: forge.unsigned(
            {k: v for k, v in g.header.items() if k != "alg"}, g.claims, g.signature
        ),
        "token_invalid",
    ),
    "no signature": (lambda g: forge.unsigned(g.header, g.claims), "token_invalid"),
    "other claims": (
        lambda g: forge.unsigned(g.header, {**g.claims, "sub": str(uuid4())}, g.signature),
        "token_invalid",
    ),
    "zero signature": (
        lambda g: forge.unsigned(g.header, g.claims, forge.b64(bytes(64))),
        "token_invalid",
    ),
    "HS256 with the PEM": (
        lambda g: forge.hs256({**g.header, "alg": "HS256"}, g.claims, _pem(g.public)),
        "token_invalid",
    ),
    "HS256 with the DER": (
        lambda g: forge.hs256({**g.header, "alg": "HS256"}, g.claims, _der(g.public)),
        "token_invalid",
    ),
    "HS256 with the x coordinate": (
        lambda g: forge.hs256({**g.header, "alg": "HS256"}, g.claims, g.public["x"].encode()),
        "token_invalid",
    ),
    "HS256 with nothing": (
        lambda g: forge.hs256({**g.header, "alg": "HS256"}, g.claims, b""),
        "token_invalid",
    ),
    "RS256 under the EC key's name": (
        lambda g: jwt.encode(
            {**g.header, "alg": "RS256"}, g.claims, STRANGERS_RSA, algorithms=["RS256"]
        ),
        "token_invalid",
    ),
    "a stranger's key": (lambda g: g.by_stranger(), "token_invalid"),
    "embedded jwk": (lambda g: g.by_stranger(jwk=_stranger_jwk()), "token_invalid"),
    "embedded jwk, own kid": (
        lambda g: g.by_stranger(jwk=_stranger_jwk(), kid=STRANGER.thumbprint()),
        "token_key",
    ),
    "jku": (lambda g: g.by_stranger(jku="https://evil.example/jwks.json"), "token_invalid"),
    "x5u": (lambda g: g.by_stranger(x5u="https://evil.example/cert.pem"), "token_invalid"),
    "x5c": (lambda g: g.by_stranger(x5c=["MIIB"]), "token_invalid"),
    "kid traversal": (lambda g: g.signed(kid="../../../../dev/null"), "token_key"),
    "kid traversal, empty key": (
        lambda g: forge.hs256(
            {**g.header, "alg": "HS256", "kid": "/dev/null"}, g.claims, b"\0"
        ),
        "token_key",
    ),
    "kid SQL": (lambda g: g.signed(kid="x' UNION SELECT 'a' --"), "token_key"),
    "kid command": (lambda g: g.signed(kid="|/bin/sleep 10"), "token_key"),
    "kid URL": (lambda g: g.signed(kid="https://evil.example/key"), "token_key"),
    "kid NUL": (lambda g: g.signed(kid="\0"), "token_key"),
    "kid surrogate": (
        lambda g: forge.unsigned({**g.header, "kid": "\ud800"}, g.claims, g.signature),
        "token_key",
    ),
    "kid list": (
        lambda g: forge.unsigned({**g.header, "kid": [g.header["kid"]]}, g.claims, g.signature),
        "token_key",
    ),
    "no kid": (
        lambda g: jwt.encode({"alg": "ES256", "typ": "at+jwt"}, g.claims, g.key), "token_invalid",
    ),
    "crit": (
        lambda g: forge.unsigned({**g.header, "crit": ["exp"]}, g.claims, g.signature),
        "token_invalid",
    ),
    "header is a list": (lambda g: f"{forge.b64([g.header])}.{forge.b64(g.claims)}.", None),
    "deep header": (
        lambda g: f"{forge.b64(forge.deep(1500))}.{forge.b64(g.claims)}.{g.signature}", None,
    ),
    "deep kid": (
        lambda g: ".".join(
            (forge.b64(b'{"kid":' + forge.deep(1500) + b"}"), forge.b64(g.claims), "x")
        ),
        None,
    ),
    "typ JWT": (lambda g: g.signed(typ="JWT"), "token_type"),
    "no typ": (
        lambda g: jwt.encode(
            {"alg": "ES256", "kid": g.header["kid"]}, g.claims, g.key, algorithms=["ES256"]
        ),
        "token_type",
    ),
    "wrong issuer": (lambda g: g.signed({**g.claims, "iss": "https://evil"}), "token_invalid"),
    "issuer prefix": (
        lambda g: g.signed({**g.claims, "iss": g.claims["iss"] + ".evil.example"}),
        "token_invalid",
    ),
    "no issuer": (lambda g: g.without("iss"), "token_invalid"),
    "wrong audience": (lambda g: g.signed({**g.claims, "aud": "https://evil"}), "token_invalid"),
    "no audience": (lambda g: g.without("aud"), "token_invalid"),
    "expired": (
        lambda g: g.signed({**g.claims, "exp": g.claims["iat"] - 60}), "token_invalid",
    ),
    "no expiry": (lambda g: g.without("exp"), "token_invalid"),
    "expiry as text": (lambda g: g.signed({**g.claims, "exp": "9999999999"}), "token_invalid"),
    "not yet valid": (
        lambda g: g.signed({**g.claims, "nbf": g.claims["iat"] + 600}), "token_invalid",
    ),
    "issued tomorrow": (
        lambda g: g.signed({**g.claims, "iat": g.claims["iat"] + 86400}), "token_invalid",
    ),
    "subject that is none": (lambda g: g.signed({**g.claims, "sub": "admin"}), "token_invalid"),
    "JWE": (lambda g: "e30.e30.e30.e30.e30", "token_invalid"),
    "nonsense": (lambda g: "nonsense", "token_invalid"),
    "empty parts": (lambda g: "..", "token_invalid"),
    "very long": (lambda g: "a" * 9000, "token_invalid"),
}  # fmt: skip


@pytest.fixture
async def genuine(client: httpx.AsyncClient, world: World, services: Services) -> Genuine:
    await world.user()
    token = (await log_in(client)).json()["access_token"]
    signer = await services.keys.signer()
    return Genuine(
        token, *forge.parts(token), key=signer.key, public=(await services.keys.jwks())["keys"][0]
    )


@pytest.mark.parametrize("name", FORGERIES)
async def test_no_forgery_passes(
    client: httpx.AsyncClient, world: World, genuine: Genuine, watch: Watch, name: str
) -> None:
    make, cause = FORGERIES[name]
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    forged = make(genuine)
    watch.keep(forged if len(forged) > 12 else "", genuine.signature, secret)

    answer = await client.get("/api/v1/user", headers=bearer(forged))
    told = await client.post(
        "/oauth2/introspect", data={"token": forged}, headers=basic("service", secret)
    )

    await watch.refused(answer, 401, "access", cause or "token_invalid")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    if len(forged) <= 8192:
        assert told.json() == {"active": False}
        await watch.says("introspect", cause or "token_invalid", status=200)


async def test_a_genuine_token_passes_all_the_same(
    client: httpx.AsyncClient, genuine: Genuine
) -> None:
    for token in (genuine.token, genuine.signed()):
        answer = await client.get("/api/v1/user", headers=bearer(token))

        assert answer.status_code == 200, answer.text


async def test_an_id_token_opens_nothing(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    tokens = (
        await client.post(
            "/oauth2/token",
            data={
                "grant_type": "password", "client_id": "vestibule",
                "username": "alice", "password": "correct horse battery staple",
            },
        )
    ).json()  # fmt: skip
    watch.keep(tokens["id_token"])

    answer = await client.get("/api/v1/user", headers=bearer(tokens["id_token"]))

    await watch.refused(answer, 401, "access", "token_type")


async def test_a_signed_introspection_answer_opens_nothing(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    token = (await log_in(client)).json()["access_token"]
    told = await client.post(
        "/oauth2/introspect",
        data={"token": token},
        headers={
            **basic("service", secret),
            "Accept": "application/token-introspection+jwt",
        },
    )
    watch.keep(told.text)

    answer = await client.get("/api/v1/user", headers=bearer(told.text))

    await watch.refused(answer, 401, "access", "token_type")


async def test_a_refresh_token_opens_nothing(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    token = (await log_in(client)).json()["refresh_token"]
    watch.keep(token)

    answer = await client.get("/api/v1/user", headers=bearer(token))

    await watch.refused(answer, 401, "access", "token_invalid")


async def test_a_token_ends_on_time_though_its_signature_is_remembered(
    client: httpx.AsyncClient, genuine: Genuine, clock: FakeClock, watch: Watch
) -> None:
    watch.keep(genuine.token)
    assert (await client.get("/api/v1/user", headers=bearer(genuine.token))).status_code == 200

    clock.advance(906)
    answer = await client.get("/api/v1/user", headers=bearer(genuine.token))

    await watch.refused(answer, 401, "access", "token_expired")


async def test_a_token_of_a_revoked_key_is_worth_nothing(
    client: httpx.AsyncClient, genuine: Genuine, services: Services, watch: Watch
) -> None:
    assert (await client.get("/api/v1/user", headers=bearer(genuine.token))).status_code == 200
    await services.keys.revoke(genuine.header["kid"])

    answer = await client.get("/api/v1/user", headers=bearer(genuine.token))

    await watch.refused(answer, 401, "access", "token_key")


async def test_a_symmetric_key_can_not_stand_in_for_a_published_one(
    client: httpx.AsyncClient, genuine: Genuine, watch: Watch
) -> None:
    """The same as a library would make it, with the JWK itself as the secret."""
    secret = OctKey.import_key(forge.b64(genuine.public))
    forged = jws.serialize_compact(
        {**genuine.header, "alg": "HS512"}, b"{}", secret, algorithms=["HS512"]
    )

    answer = await client.get("/api/v1/user", headers=bearer(forged))

    await watch.refused(answer, 401, "access", "token_invalid")


async def test_a_token_of_a_client_itself_is_no_persons(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    _, secret = await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=["client_credentials"], scopes=["api:read"]
    )
    token = (
        await client.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers=basic("job", secret),
        )
    ).json()["access_token"]

    answer = await client.get("/api/v1/user", headers=bearer(token))

    await watch.refused(answer, 401, "access", "token_of_client")
