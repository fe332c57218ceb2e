"""RFC 7523, JWT Profile for Client Authentication: `private_key_jwt`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.oauth.flows import exchange
from tests.standards.parties import (
    ASSERTION_TYPE,
    INTROSPECT,
    ISSUER,
    TOKEN_URL,
    Holder,
    Party,
    assert_refused,
    encoded,
)
from tests.world import FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.errors import ValidationFailed


@pytest.fixture
async def signer(world: World, holder: Holder) -> str:
    """The id of a client that proves itself with the holder's key."""
    await _register(world, holder)
    return "signer"


async def _register(world: World, *holders: Holder, client_id: str = "signer") -> None:
    await world.client(
        client_id, kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS],
        jwks={"keys": [{**one.public, "kid": one.jkt} for one in holders]},
    )  # fmt: skip


async def _prove(client: httpx.AsyncClient, fields: dict[str, str]) -> httpx.Response:
    return await client.post("/oauth2/token", data={"grant_type": "client_credentials", **fields})


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("audience", [ISSUER, TOKEN_URL, [ISSUER, "https://other.example"]])
async def test_a_signed_assertion_proves_its_client(
    client: httpx.AsyncClient, holder: Holder, signer: str, named: bool, audience: Any
) -> None:
    """§3 no. 3: aud MUST identify the authorization server; its token endpoint MAY be used."""
    fields = holder.assertion(signer, aud=audience)

    answer = await _prove(client, {**fields, **({"client_id": signer} if named else {})})

    assert answer.status_code == 200, answer.text


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (RSAKey.generate_key(2048), "RS256"),
        (RSAKey.generate_key(2048), "PS256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
)
async def test_the_algorithms_of_the_metadata_are_taken(
    client: httpx.AsyncClient, world: World, clock: FakeClock, key: Any, algorithm: str
) -> None:
    """§5: RS256 is mandatory to implement; RFC 8414 §2: those that are named."""
    holder = Holder(clock, key, algorithm)
    await _register(world, holder)
    named = (await client.get("/.well-known/oauth-authorization-server")).json()

    answer = await _prove(client, holder.assertion("signer"))

    assert answer.status_code == 200, answer.text
    assert algorithm in named["token_endpoint_auth_signing_alg_values_supported"]


async def test_one_of_several_keys_is_found_by_its_kid(
    client: httpx.AsyncClient, world: World, clock: FakeClock
) -> None:
    """RFC 7517 §4.5: kid matches a specific key, so that a client can rotate them."""
    former, present = Holder(clock), Holder(clock)
    await _register(world, former, present)

    for one in (former, present):
        answer = await _prove(client, one.assertion("signer", header={"kid": one.jkt}))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "portal"},
        {"sub": None},
        {"sub": "portal"},
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": []},
        {"exp": None},
        {"jti": None},
    ],
)
async def test_an_assertion_without_what_it_needs_is_refused(
    client: httpx.AsyncClient, holder: Holder, signer: str, portal: Party, changes: dict[str, Any]
) -> None:
    """§3: iss MUST, sub MUST be the client_id, aud MUST, exp MUST; jti by OpenID Connect §9."""
    answer = await _prove(client, holder.assertion(signer, **changes))

    assert_refused(answer, "invalid_client", 401)


@pytest.mark.parametrize(
    ("name", "seconds"), [("exp", -60), ("exp", 7200), ("nbf", 60), ("iat", 60)]
)
async def test_an_assertion_out_of_its_time_is_refused(
    client: httpx.AsyncClient,
    holder: Holder,
    signer: str,
    clock: FakeClock,
    name: str,
    seconds: int,
) -> None:
    """§3 no. 4, 5, 6: exp MUST be after now and MAY be too far off; nbf MUST be before now."""
    changes: dict[str, Any] = {name: int(clock.now) + seconds}

    answer = await _prove(client, holder.assertion(signer, **changes))

    assert_refused(answer, "invalid_client", 401)


async def test_an_assertion_is_taken_once(
    client: httpx.AsyncClient, holder: Holder, signer: str
) -> None:
    """§3 no. 7: the server MAY ensure that JWTs are not replayed."""
    fields = holder.assertion(signer)

    first, second = await _prove(client, fields), await _prove(client, fields)

    assert first.status_code == 200
    assert_refused(second, "invalid_client", 401)


async def test_an_assertion_of_another_key_is_refused(
    client: httpx.AsyncClient, signer: str, clock: FakeClock
) -> None:
    """§3 no. 9: the JWT MUST be signed, and the server MUST reject an invalid signature."""
    answer = await _prove(client, Holder(clock).assertion(signer))

    assert_refused(answer, "invalid_client", 401)


async def test_the_key_is_never_taken_from_the_assertion(
    client: httpx.AsyncClient, signer: str, clock: FakeClock
) -> None:
    """RFC 7515 §10: a key in the header proves nothing about who holds it."""
    thief = Holder(clock)

    answer = await _prove(client, thief.assertion(signer, header={"jwk": thief.public}))

    assert_refused(answer, "invalid_client", 401)


async def test_an_unsigned_assertion_is_refused(
    client: httpx.AsyncClient, holder: Holder, signer: str
) -> None:
    """§3 no. 9: a digital signature or MAC by the issuer MUST be there."""
    _, claims, _ = holder.assertion(signer)["client_assertion"].split(".")
    forged = f"{encoded({'alg': 'none'})}.{claims}."

    answer = await _prove(
        client, {"client_assertion": forged, "client_assertion_type": ASSERTION_TYPE}
    )

    assert_refused(answer, "invalid_client", 401)


async def test_an_assertion_under_a_shared_secret_is_refused(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock
) -> None:
    """OpenID Connect §9: client_secret_jwt is another method, and not in the metadata."""
    shared = Holder(clock, OctKey.import_key(backend.secret), "HS256")

    answer = await _prove(client, shared.assertion(backend.client_id))

    assert_refused(answer, "invalid_client", 401)


@pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"])
async def test_the_type_of_the_assertion_must_be_said(
    client: httpx.AsyncClient, holder: Holder, signer: str, kind: str
) -> None:
    """§2.2: client_assertion_type MUST be the jwt-bearer one; RFC 7521 §4.2.1: invalid_client."""
    fields = {**holder.assertion(signer), "client_assertion_type": kind}

    assert_refused(await _prove(client, fields), "invalid_client", 401)


async def test_a_client_id_beside_must_be_the_same(
    client: httpx.AsyncClient, holder: Holder, signer: str, portal: Party
) -> None:
    """RFC 7521 §4.2: client_id, if present, MUST identify the same client as the assertion."""
    answer = await _prove(client, {**holder.assertion(signer), "client_id": "portal"})

    assert_refused(answer, "invalid_client", 401)


async def test_an_assertion_beside_a_secret_is_refused(
    client: httpx.AsyncClient, holder: Holder, signer: str, backend: Party
) -> None:
    """RFC 6749 §2.3: one authentication method in each request."""
    fields = holder.assertion(signer)

    in_body = await _prove(client, {**fields, "client_secret": "x"})
    in_field = await exchange(client, "client_credentials", headers=backend.headers, **fields)

    assert_refused(in_body, "invalid_request")
    assert_refused(in_field, "invalid_request")


async def test_an_id_alone_does_not_prove_a_client_with_keys(
    client: httpx.AsyncClient, signer: str
) -> None:
    """RFC 6749 §3.2.1: it was issued credentials, so it MUST authenticate."""
    for fields in ({"client_id": signer}, {"client_id": signer, "client_secret": "none"}):
        assert_refused(await _prove(client, fields), "invalid_client", 401)


async def test_an_assertion_proves_its_client_at_introspection(
    client: httpx.AsyncClient, holder: Holder, signer: str
) -> None:
    """RFC 7662 §2.1, RFC 8414 §2: introspection_endpoint_auth_methods_supported."""
    answer = await client.post(INTROSPECT, data={"token": "x", **holder.assertion(signer)})

    assert answer.json() == {"active": False}


async def test_only_public_keys_of_a_confidential_client_are_registered(
    world: World, holder: Holder
) -> None:
    """§3 no. 9: private keys stay with the client, and a shared secret is no public key."""
    private = dict(holder.key.as_dict(private=True))
    shared = dict(OctKey.generate_key(256).as_dict(private=True))

    for kind, key in (
        (ClientKind.CONFIDENTIAL, private),
        (ClientKind.CONFIDENTIAL, shared),
        (ClientKind.PUBLIC, holder.public),
    ):
        with pytest.raises(ValidationFailed):
            await world.client("signer", kind=kind, jwks={"keys": [key]})
