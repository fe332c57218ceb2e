"""RFC 9068, JWT Profile for OAuth 2.0 Access Tokens."""

from __future__ import annotations

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oauth.flows import bearer
from tests.standards.parties import ISSUER, USERINFO, Party, decoded, encoded, served
from tests.world import FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.errors import ValidationFailed
from vestibule.settings import Settings
from vestibule.users.models import User
from vestibule.wiring import Services


async def test_a_token_says_what_it_is(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.1: typ SHOULD be "at+jwt"."""
    header, _ = decoded((await portal.code_tokens(client))["access_token"])

    assert header["typ"] == "at+jwt"
    assert set(header) == {"alg", "typ", "kid"}


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_a_token_is_signed_by_a_published_key(
    settings: Settings, clock: FakeClock, algorithm: str
) -> None:
    """§2.1: MUST be signed, not "none", and RS256 MUST be supported; §4: the keys by metadata."""
    async with served(settings, clock, signing_algorithm=algorithm) as (client, world):
        await world.user()
        token = (await log_in(client)).json()["access_token"]
        keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())

    verified = jwt.decode(token, keys, algorithms=[algorithm])
    assert verified.header["alg"] == algorithm


async def test_a_persons_token_has_every_required_claim(
    client: httpx.AsyncClient, portal: Party, alice: User, clock: FakeClock
) -> None:
    """§2.2: iss, exp, aud, sub, client_id, iat, jti REQUIRED; §2.2.1: auth_time MAY."""
    now = int(clock.now)

    _, claims = decoded((await portal.code_tokens(client))["access_token"])

    assert (claims["iss"], claims["aud"]) == (ISSUER, ISSUER)
    assert (claims["sub"], claims["client_id"]) == (str(alice.id), "portal")
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (now, now + 900, now)
    assert claims["jti"]


async def test_a_clients_own_token_has_the_client_as_its_subject(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.2: in client_credentials, sub SHOULD be the identifier of the client."""
    _, claims = decoded((await backend.token(client, "client_credentials")).json()["access_token"])

    assert (claims["sub"], claims["client_id"]) == ("backend", "backend")
    assert "auth_time" not in claims


async def test_no_client_can_be_named_like_a_person(world: World, alice: User) -> None:
    """§5: the server should prevent clients from influencing sub so as to be taken for a user."""
    with pytest.raises(ValidationFailed):
        await world.client(str(alice.id))


async def test_auth_time_stays_when_the_token_is_refreshed(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§2.2.1: it reflects the authentication, not the issue of this very token."""
    tokens = await portal.code_tokens(client)
    clock.advance(3600)

    renewed = (await portal.refresh(client, tokens["refresh_token"])).json()

    _, claims = decoded(renewed["access_token"])
    assert claims["auth_time"] == claims["iat"] - 3600


async def test_the_scope_stands_in_the_token(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.2.3: scope SHOULD be included where the request had one."""
    _, claims = decoded((await portal.code_tokens(client, scope="openid"))["access_token"])

    assert claims["scope"] == "openid"


async def test_the_audience_is_the_one_that_the_deployment_names(
    settings: Settings, clock: FakeClock
) -> None:
    """§3: without a resource in the request, a default resource indicator MUST be the aud."""
    async with served(settings, clock, audience="https://api.example.org") as (client, world):
        await world.user()
        token = (await log_in(client)).json()["access_token"]

        assert decoded(token)[1]["aud"] == "https://api.example.org"
        assert (await client.get(USERINFO, headers=bearer(token))).status_code == 200


async def test_every_token_has_an_id_of_its_own(client: httpx.AsyncClient, backend: Party) -> None:
    """§2.2: jti (RFC 7519 §4.1.7: no two are the same)."""
    tokens = [(await backend.token(client, "client_credentials")).json() for _ in range(3)]

    assert len({decoded(token["access_token"])[1]["jti"] for token in tokens}) == 3


# §4 Validating


@pytest.mark.parametrize("typ", ["JWT", "token-introspection+jwt", "at", None])
async def test_a_token_of_another_type_is_rejected(
    client: httpx.AsyncClient, services: Services, portal: Party, typ: str | None
) -> None:
    """§4: the resource server MUST verify that typ is "at+jwt" or "application/at+jwt"."""
    _, claims = decoded((await portal.code_tokens(client))["access_token"])
    signer = await services.keys.signer()
    header = {"alg": signer.algorithm, "kid": signer.kid, **({"typ": typ} if typ else {})}
    forged = jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])

    assert (await client.get(USERINFO, headers=bearer(forged))).status_code == 401


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_either_spelling_of_the_type_is_accepted(
    client: httpx.AsyncClient, services: Services, portal: Party, typ: str
) -> None:
    """§4: "at+jwt" or "application/at+jwt"; media types know no case (RFC 7515 §4.1.9)."""
    _, claims = decoded((await portal.code_tokens(client))["access_token"])
    signer = await services.keys.signer()
    header = {"alg": signer.algorithm, "kid": signer.kid, "typ": typ}
    token = jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])

    assert (await client.get(USERINFO, headers=bearer(token))).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"exp": 1_799_999_000},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"client_id": None},
        {"iat": None},
        {"jti": None},
    ],
)
async def test_a_token_with_a_wrong_or_missing_claim_is_rejected(
    client: httpx.AsyncClient, services: Services, portal: Party, changes: dict[str, object]
) -> None:
    """§4: iss MUST match exactly, aud MUST be ours, the time MUST be before exp."""
    _, claims = decoded((await portal.code_tokens(client))["access_token"])
    signer = await services.keys.signer()
    header = {"alg": signer.algorithm, "kid": signer.kid, "typ": "at+jwt"}
    told = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    forged = jwt.encode(header, told, signer.key, algorithms=[signer.algorithm])

    answer = await client.get(USERINFO, headers=bearer(forged))

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_an_unsigned_token_is_rejected(client: httpx.AsyncClient, portal: Party) -> None:
    """§4: the resource server MUST reject any JWT in which the value of alg is "none"."""
    header, claims = decoded((await portal.code_tokens(client))["access_token"])
    forged = f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."

    assert (await client.get(USERINFO, headers=bearer(forged))).status_code == 401


async def test_an_expired_token_is_rejected(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4: with a leeway of no more than a few minutes, here seconds."""
    token = (await portal.code_tokens(client))["access_token"]

    clock.advance(900)
    within = await client.get(USERINFO, headers=bearer(token))
    clock.advance(6)
    after = await client.get(USERINFO, headers=bearer(token))

    assert (within.status_code, after.status_code) == (200, 401)


async def test_an_id_token_is_no_access_token(client: httpx.AsyncClient, portal: Party) -> None:
    """§5: explicit typing prevents the confusion of ID tokens and access tokens."""
    token = (await portal.code_tokens(client))["id_token"]

    assert (await client.get(USERINFO, headers=bearer(token))).status_code == 401


async def test_a_clients_own_token_opens_nothing_that_is_a_persons(
    client: httpx.AsyncClient, world: World
) -> None:
    """§5: a token without a person must not be taken for one of somebody's."""
    _, secret = await world.client(
        "job", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        scopes=["api:read", "openid"],
    )  # fmt: skip
    token = (await Party("job", secret).token(client, "client_credentials")).json()["access_token"]

    assert (await client.get("/api/v1/user", headers=bearer(token))).status_code == 401
