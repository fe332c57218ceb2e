"""RFC 9449, Demonstrating Proof of Possession (DPoP)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.oauth.flows import CALLBACK, Pkce, approve_device, bearer, code_of
from tests.standards.parties import (
    ISSUER,
    TOKEN_URL,
    USERINFO,
    Holder,
    Party,
    assert_refused,
    decoded,
    digest,
    encoded,
    served,
)
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import ClientKind, Grant
from vestibule.settings import Settings

USERINFO_URL = f"{ISSUER}{USERINFO}"


async def _ask(client: httpx.AsyncClient, party: Party, proof: dict[str, str]) -> httpx.Response:
    """A request for a token with a proof."""
    return await party.token(client, "client_credentials", proof)


def _dpop(token: str) -> dict[str, str]:
    return {"Authorization": f"DPoP {token}"}


# §4.3 Checking proofs


async def test_a_proof_binds_the_token(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§5: token_type MUST be DPoP; §6.1: cnf with jkt, the SHA-256 thumbprint of the key."""
    answer = await _ask(client, backend, holder.proof())

    body = answer.json()
    assert body["token_type"] == "DPoP"
    assert decoded(body["access_token"])[1]["cnf"] == {"jkt": holder.jkt}


async def test_without_a_proof_the_token_is_a_bearer_token(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§5: without a proof the server is free to issue a Bearer token, and says so."""
    body = (await _ask(client, backend, {})).json()

    assert body["token_type"] == "Bearer"
    assert "cnf" not in decoded(body["access_token"])[1]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (RSAKey.generate_key(2048), "RS256"),
        (RSAKey.generate_key(2048), "PS256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
    ],
)
async def test_the_algorithms_of_the_metadata_are_taken(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock, key: Any, algorithm: str
) -> None:
    """§5.1: dpop_signing_alg_values_supported."""
    named = (await client.get("/.well-known/oauth-authorization-server")).json()

    answer = await _ask(client, backend, Holder(clock, key, algorithm).proof())

    assert answer.status_code == 200, answer.text
    assert algorithm in named["dpop_signing_alg_values_supported"]


async def test_two_proofs_are_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§4.3 no. 1: there is not more than one DPoP header field."""
    fields = [*backend.headers.items(), *holder.proof().items(), *holder.proof().items()]

    answer = await client.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, headers=fields
    )

    assert_refused(answer, "invalid_dpop_proof")


@pytest.mark.parametrize("proof", ["x", "a.b", "a.b.c", "é", "x" * 9000, "{}"])
async def test_what_is_no_jwt_is_refused(
    client: httpx.AsyncClient, backend: Party, proof: str
) -> None:
    """§4.3 no. 2: a single and well-formed JWT."""
    answer = await client.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers=[*backend.headers.items(), ("DPoP", proof.encode())],  # type: ignore[arg-type]
    )

    assert_refused(answer, "invalid_dpop_proof")


@pytest.mark.parametrize("claim", ["jti", "htm", "htu", "iat"])
async def test_every_required_claim_must_be_there(
    client: httpx.AsyncClient, backend: Party, holder: Holder, claim: str
) -> None:
    """§4.3 no. 3: all required claims of §4.2 are contained."""
    missing: dict[str, Any] = {claim: None}

    answer = await _ask(client, backend, holder.proof(**missing))

    assert_refused(answer, "invalid_dpop_proof")


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "dpop", None])
async def test_the_type_must_be_that_of_a_proof(
    client: httpx.AsyncClient, backend: Party, holder: Holder, typ: str | None
) -> None:
    """§4.3 no. 4: typ has the value dpop+jwt."""
    assert_refused(
        await _ask(client, backend, holder.proof(header={"typ": typ})), "invalid_dpop_proof"
    )


async def test_an_unsigned_proof_is_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§4.3 no. 5: alg is not none."""
    header, claims = decoded(holder.proof()["DPoP"])
    forged = f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."

    assert_refused(await _ask(client, backend, {"DPoP": forged}), "invalid_dpop_proof")


async def test_a_symmetric_proof_is_refused(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock
) -> None:
    """§4.3 no. 5: alg indicates an asymmetric digital signature algorithm."""
    shared = OctKey.generate_key(256)
    proof = Holder(clock, shared, "HS256").proof(header={"jwk": shared.as_dict(private=True)})

    assert_refused(await _ask(client, backend, proof), "invalid_dpop_proof")


async def test_a_signature_of_another_key_is_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder, clock: FakeClock
) -> None:
    """§4.3 no. 6: the signature verifies with the key in the jwk parameter."""
    proof = holder.proof(header={"jwk": Holder(clock).public})

    assert_refused(await _ask(client, backend, proof), "invalid_dpop_proof")


async def test_a_proof_without_key_is_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§4.2: jwk MUST be there, it represents the public key chosen by the client."""
    assert_refused(
        await _ask(client, backend, holder.proof(header={"jwk": None})), "invalid_dpop_proof"
    )


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(ECKey.generate_key("P-256"), "ES256"), (RSAKey.generate_key(2048), "RS256")],
)
async def test_a_private_key_in_a_proof_is_refused(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock, key: Any, algorithm: str
) -> None:
    """§4.3 no. 7: the jwk does not contain a private key."""
    holder = Holder(clock, key, algorithm)

    proof = holder.proof(header={"jwk": dict(key.as_dict(private=True))})

    assert_refused(await _ask(client, backend, proof), "invalid_dpop_proof")


@pytest.mark.parametrize("method", ["GET", "post", "PUT"])
async def test_a_proof_is_for_one_method(
    client: httpx.AsyncClient, backend: Party, holder: Holder, method: str
) -> None:
    """§4.3 no. 8: htm matches the method of the request."""
    assert_refused(await _ask(client, backend, holder.proof(method=method)), "invalid_dpop_proof")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8000/oauth2/token",
        "http://evil.example/oauth2/token",
        "http://127.0.0.1/oauth2/token",
        f"{ISSUER}/oauth2/introspect",
        f"{TOKEN_URL}/",
        f"{ISSUER}/OAuth2/token",
        "/oauth2/token",
        "http://[",
        "http://127.0.0.1:x/oauth2/token",
        "",
    ],
)
async def test_a_proof_is_for_one_address(
    client: httpx.AsyncClient, backend: Party, holder: Holder, url: str
) -> None:
    """§4.3 no. 9: htu matches the URI of the request."""
    assert_refused(await _ask(client, backend, holder.proof(url=url)), "invalid_dpop_proof")


async def test_an_address_is_compared_normalized(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§4.3: the server SHOULD normalize by syntax (case of scheme and host)."""
    answer = await _ask(client, backend, holder.proof(url="HTTP://127.0.0.1:8000/oauth2/token"))

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["id.example.org", "ID.example.org", "id.example.org:443"])
async def test_the_default_port_may_be_written_or_not(
    settings: Settings, clock: FakeClock, holder: Holder, host: str
) -> None:
    """§4.3: the server SHOULD normalize by scheme as well (RFC 3986 §6.2.3)."""
    async with served(settings, clock, issuer="https://id.example.org") as (client, world):
        await world.user()
        await world.client("portal")

        answer = await Party("portal").token(
            client, "password", holder.proof(url=f"https://{host}/oauth2/token"),
            username="alice", password=PASSWORD,
        )  # fmt: skip

    assert answer.json().get("token_type") == "DPoP", answer.text


async def test_the_query_of_a_request_is_no_part_of_its_address(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§4.3 no. 9: ignoring any query and fragment parts."""
    answer = await client.post(
        "/oauth2/token?a=b",
        data={"grant_type": "client_credentials"},
        headers={**backend.headers, **holder.proof()},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("seconds", [-61, 61, -3600, 3600])
async def test_a_proof_out_of_its_time_is_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder, clock: FakeClock, seconds: int
) -> None:
    """§4.3 no. 11, §11.1: iat is within an acceptable window."""
    proof = holder.proof(iat=int(clock.now) + seconds)

    assert_refused(await _ask(client, backend, proof), "invalid_dpop_proof")


@pytest.mark.parametrize("seconds", [-59, 30])
async def test_a_clock_that_is_a_little_off_is_no_harm(
    client: httpx.AsyncClient, backend: Party, holder: Holder, clock: FakeClock, seconds: int
) -> None:
    """§11.1: the server SHOULD accept proofs whose iat is in the reasonably near past or future."""
    answer = await _ask(client, backend, holder.proof(iat=int(clock.now) + seconds))

    assert answer.status_code == 200


@pytest.mark.parametrize("iat", ["now", True, float("nan"), float("inf"), 10**400, [1]])
async def test_an_iat_that_is_no_time_is_refused(
    client: httpx.AsyncClient, backend: Party, holder: Holder, iat: Any
) -> None:
    """§4.2: iat is a NumericDate (RFC 7519 §4.1.6)."""
    assert_refused(await _ask(client, backend, holder.proof(iat=iat)), "invalid_dpop_proof")


async def test_a_proof_is_taken_once(
    client: httpx.AsyncClient, backend: Party, holder: Holder
) -> None:
    """§11.1: jti is remembered for as long as the proof would be accepted."""
    proof = holder.proof()

    first, second = await _ask(client, backend, proof), await _ask(client, backend, proof)

    assert first.status_code == 200
    assert_refused(second, "invalid_dpop_proof")


async def test_a_proof_of_the_future_is_remembered_until_it_ends(
    client: httpx.AsyncClient, backend: Party, holder: Holder, clock: FakeClock
) -> None:
    """§11.1: also where it is accepted for longer than others."""
    proof = holder.proof(iat=int(clock.now) + 59)
    await _ask(client, backend, proof)

    clock.advance(118)

    assert_refused(await _ask(client, backend, proof), "invalid_dpop_proof")


async def test_two_keys_may_choose_the_same_jti(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock
) -> None:
    """§11.1: one client must not be able to use up what another will choose."""
    proofs = [Holder(clock).proof(jti="same") for _ in range(2)]

    assert [(await _ask(client, backend, proof)).status_code for proof in proofs] == [200, 200]


# §5 Asking for tokens


async def test_a_public_clients_refresh_token_is_bound(
    client: httpx.AsyncClient, portal: Party, holder: Holder, clock: FakeClock
) -> None:
    """§5: refresh tokens of public clients MUST be bound, and validated as such."""
    tokens = await portal.code_tokens(client, holder.proof())
    refresh_token = tokens["refresh_token"]

    without = await portal.refresh(client, refresh_token)
    other = await portal.refresh(client, refresh_token, Holder(clock).proof())
    own = await portal.refresh(client, refresh_token, holder.proof())

    assert_refused(without, "invalid_grant")
    assert_refused(other, "invalid_grant")
    assert own.json()["token_type"] == "DPoP"
    assert decoded(own.json()["access_token"])[1]["cnf"] == {"jkt": holder.jkt}


async def test_a_bound_refresh_token_is_of_no_use_beside_the_token_endpoint(
    client: httpx.AsyncClient, portal: Party, holder: Holder
) -> None:
    """§5: no road leads around the proof."""
    token = (await portal.code_tokens(client, holder.proof()))["refresh_token"]

    answer = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": token, "client_id": "portal"}
    )

    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid_grant_error"


async def test_a_confidential_client_may_change_its_key(
    client: httpx.AsyncClient, backend: Party, holder: Holder, clock: FakeClock
) -> None:
    """§5: refresh tokens of confidential clients are not bound to the proof's key."""
    tokens = await backend.code_tokens(client, holder.proof())
    other = Holder(clock)

    renewed = (await backend.refresh(client, tokens["refresh_token"], other.proof())).json()

    assert renewed["token_type"] == "DPoP"
    assert decoded(renewed["access_token"])[1]["cnf"] == {"jkt": other.jkt}


async def test_a_client_registered_for_dpop_gets_nothing_without(
    client: httpx.AsyncClient, world: World, holder: Holder
) -> None:
    """§5.2: the server MUST reject token requests without the DPoP header field."""
    await world.user()
    await world.client("bound", dpop_bound=True)
    bound, fields = Party("bound"), {"username": "alice", "password": PASSWORD}

    without = await bound.token(client, "password", **fields)
    plain = await log_in(client, client_id="bound")
    with_proof = await bound.token(client, "password", holder.proof(), **fields)

    assert_refused(without, "invalid_request")
    assert plain.status_code == 400
    assert with_proof.json()["token_type"] == "DPoP"


@pytest.mark.parametrize("grant", ["password", "code", "device"])
async def test_every_grant_of_a_person_binds(
    client: httpx.AsyncClient, portal: Party, holder: Holder, grant: str
) -> None:
    """§5: DPoP is for all grant types."""
    if grant == "code":
        body = await portal.code_tokens(client, holder.proof())
    elif grant == "password":
        fields = {"username": "alice", "password": PASSWORD}
        body = (await portal.token(client, "password", holder.proof(), **fields)).json()
    else:
        started = (
            await client.post("/oauth2/device_authorization", data={"client_id": "portal"})
        ).json()
        await approve_device(client, started["user_code"])
        body = (
            await portal.token(
                client, Grant.DEVICE_CODE, holder.proof(), device_code=started["device_code"]
            )
        ).json()

    assert body["token_type"] == "DPoP"
    assert decoded(body["access_token"])[1]["cnf"] == {"jkt": holder.jkt}


# §6 Confirmation


async def test_introspection_tells_the_key(
    client: httpx.AsyncClient, portal: Party, backend: Party, holder: Holder
) -> None:
    """§6.2: cnf with jkt at the top level, and token_type DPoP."""
    tokens = await portal.code_tokens(client, holder.proof())

    told = await backend.introspect(client, tokens["access_token"])

    assert (told["cnf"], told["token_type"]) == ({"jkt": holder.jkt}, "DPoP")


# §7 At a protected resource


async def test_a_bound_token_opens_with_its_proof(
    client: httpx.AsyncClient, portal: Party, holder: Holder
) -> None:
    """§7.1: Authorization: DPoP, with a proof that has ath."""
    token = (await portal.code_tokens(client, holder.proof()))["access_token"]
    proof = holder.proof(method="GET", url=USERINFO_URL, access_token=token)

    answer = await client.get(USERINFO, headers={**_dpop(token), **proof})

    assert answer.status_code == 200


async def test_a_bound_token_is_no_bearer_token(
    client: httpx.AsyncClient, portal: Party, holder: Holder
) -> None:
    """§7.2: such a resource MUST reject a bound token that is sent as a bearer token."""
    token = (await portal.code_tokens(client, holder.proof()))["access_token"]
    proof = holder.proof(method="GET", url=USERINFO_URL, access_token=token)

    bare = await client.get(USERINFO, headers=bearer(token))
    proved = await client.get(USERINFO, headers={**bearer(token), **proof})

    assert (bare.status_code, proved.status_code) == (401, 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"ath": None},
        {"ath": digest("another token")},
        {"ath": ""},
        {"htm": "POST"},
        {"htu": TOKEN_URL},
        {"iat": 1},
    ],
)
async def test_a_proof_that_does_not_fit_opens_nothing(
    client: httpx.AsyncClient, portal: Party, holder: Holder, changes: dict[str, Any]
) -> None:
    """§4.3 no. 12, §7.1: ath is the hash of the token, else the resource MUST NOT grant access."""
    token = (await portal.code_tokens(client, holder.proof()))["access_token"]
    proof = holder.proof(method="GET", url=USERINFO_URL, access_token=token, **changes)

    answer = await client.get(USERINFO, headers={**_dpop(token), **proof})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("DPoP ")
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]


async def test_another_key_opens_nothing(
    client: httpx.AsyncClient, portal: Party, holder: Holder, clock: FakeClock
) -> None:
    """§4.3 no. 12: the key that the token is bound to is the key of the proof."""
    token = (await portal.code_tokens(client, holder.proof()))["access_token"]
    proof = Holder(clock).proof(method="GET", url=USERINFO_URL, access_token=token)

    answer = await client.get(USERINFO, headers={**_dpop(token), **proof})

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_missing_proof_is_challenged_with_the_algorithms(
    client: httpx.AsyncClient, portal: Party, holder: Holder
) -> None:
    """§7.1: 401 with WWW-Authenticate: DPoP, and algs SHOULD be included."""
    token = (await portal.code_tokens(client, holder.proof()))["access_token"]

    answer = await client.get(USERINFO, headers=_dpop(token))

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("DPoP ")
    assert 'algs="ES256 RS256 PS256 Ed25519"' in challenge


async def test_an_unbound_token_is_no_dpop_token(
    client: httpx.AsyncClient, portal: Party, holder: Holder
) -> None:
    """§7.1: the token MUST be bound to the key of the proof."""
    token = (await portal.code_tokens(client))["access_token"]
    proof = holder.proof(method="GET", url=USERINFO_URL, access_token=token)

    answer = await client.get(USERINFO, headers={**_dpop(token), **proof})

    assert answer.status_code == 401


# §10 Binding the code


async def test_a_code_bound_to_a_key_is_redeemed_with_it_alone(
    client: httpx.AsyncClient, portal: Party, holder: Holder, clock: FakeClock
) -> None:
    """§10: where dpop_jkt was sent, the server MUST check it at the token request."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce, dpop_jkt=holder.jkt)

    without = await portal.redeem(client, code, pkce)
    other = await portal.redeem(client, code, pkce, Holder(clock).proof())
    own = await portal.redeem(client, code, pkce, holder.proof())

    assert_refused(without, "invalid_grant")
    assert_refused(other, "invalid_grant")
    assert own.json()["token_type"] == "DPoP"


async def test_a_confidential_client_is_no_exception_at_the_code(
    client: httpx.AsyncClient, world: World, holder: Holder
) -> None:
    """§10: the same."""
    await world.user()
    _, secret = await world.client(
        "web", kind=ClientKind.CONFIDENTIAL, grants=[Grant.AUTHORIZATION_CODE],
        redirect_uris=[CALLBACK],
    )  # fmt: skip
    pkce = Pkce()
    code = await code_of(client, "web", pkce, dpop_jkt=holder.jkt)

    assert_refused(await Party("web", secret).redeem(client, code, pkce), "invalid_grant")
