"""RFC 7662, Token Introspection."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import basic, bearer
from tests.standards.parties import INTROSPECT, ISSUER, Party, assert_refused, decoded
from tests.world import FakeClock, World, log_in
from vestibule.clients.models import ClientKind
from vestibule.users.models import User
from vestibule.wiring import Services

# §2.1 The request


async def test_who_asks_must_have_proved_who_it_is(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§2.1: the endpoint MUST require authorization, or tokens could be tried out here."""
    token = (await portal.code_tokens(client))["access_token"]

    nobody = await client.post(INTROSPECT, data={"token": token})
    public = await client.post(INTROSPECT, data={"token": token, "client_id": "portal"})
    own_token = await client.post(INTROSPECT, data={"token": token}, headers=bearer(token))

    assert_refused(nobody, "invalid_client", 401)
    assert_refused(public, "unauthorized_client")
    assert_refused(own_token, "invalid_client", 401)


async def test_a_wrong_secret_is_an_invalid_client(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.3: 401 as described in RFC 6749 §5.2."""
    answer = await client.post(
        INTROSPECT, data={"token": "x"}, headers=basic(backend.client_id, "wrong")
    )

    assert_refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_request_without_token_is_invalid(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.1: token REQUIRED."""
    answer = await client.post(INTROSPECT, data={}, headers={
        **backend.headers, "Content-Type": "application/x-www-form-urlencoded",
    })  # fmt: skip

    assert_refused(answer, "invalid_request")


async def test_a_token_is_never_taken_from_the_address(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§4: a server that does not support GET keeps tokens out of its logs."""
    answer = await client.get(INTROSPECT, params={"token": "x"}, headers=backend.headers)

    assert answer.status_code == 405


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unheard_of"])
async def test_a_wrong_hint_changes_nothing(
    client: httpx.AsyncClient, backend: Party, kind: str, hint: str
) -> None:
    """§2.1: the server MUST extend its search across all of its supported token types."""
    token = (await backend.code_tokens(client))[kind]

    told = await backend.introspect(client, token, token_type_hint=hint)

    assert told["active"] is True


# §2.2 The answer


async def test_a_live_access_token_is_described(
    client: httpx.AsyncClient, portal: Party, backend: Party, alice: User
) -> None:
    """§2.2: active REQUIRED, and the members that the token itself says."""
    token = (await portal.code_tokens(client))["access_token"]
    claims = decoded(token)[1]

    told = await backend.introspect(client, token)

    assert told["active"] is True
    for name in ("iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti"):
        assert told[name] == claims[name]
    assert (told["token_type"], told["username"]) == ("Bearer", "alice")
    assert told["sub"] == str(alice.id)


async def test_an_answer_is_json_that_no_cache_keeps(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.2: application/json; §4: cached answers would hide a revocation."""
    answer = await client.post(INTROSPECT, data={"token": "x"}, headers=backend.headers)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["made-up", "vsr_x", "vst_x", "a.b.c", "é", "x" * 8000])
async def test_of_what_is_no_token_nothing_is_said(
    client: httpx.AsyncClient, backend: Party, token: str
) -> None:
    """§2.2: {"active": false}, SHOULD NOT include any additional information."""
    assert await backend.introspect(client, token) == {"active": False}


async def test_an_expired_access_token_is_not_active(
    client: httpx.AsyncClient, portal: Party, backend: Party, clock: FakeClock
) -> None:
    """§4: if the token can expire, the server MUST determine whether it has."""
    token = (await portal.code_tokens(client))["access_token"]
    clock.advance(906)

    assert await backend.introspect(client, token) == {"active": False}


async def test_an_expired_refresh_token_is_not_active(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock
) -> None:
    """§4: the same, for one that was left alone too long."""
    token = (await backend.code_tokens(client))["refresh_token"]
    clock.advance(7 * 86400)

    assert await backend.introspect(client, token) == {"active": False}


async def test_a_token_with_a_wrong_signature_is_not_active(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§4: if the token has been signed, the server MUST validate the signature."""
    header, claims, signature = (await portal.code_tokens(client))["access_token"].split(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]

    assert await backend.introspect(client, f"{header}.{claims}.{other}") == {"active": False}


async def test_a_token_of_an_ended_session_is_not_active(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§4: if the token can be revoked, the server MUST determine whether it was."""
    tokens = await portal.code_tokens(client)
    await client.post("/api/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]})

    assert await backend.introspect(client, tokens["access_token"]) == {"active": False}


async def test_a_token_of_a_disabled_account_is_not_active(
    client: httpx.AsyncClient, portal: Party, backend: Party, alice: User, services: Services
) -> None:
    """§2.2: active means not revoked by the authorization server, in whatever way."""
    token = (await portal.code_tokens(client))["access_token"]
    await services.users.update(alice, is_active=False)

    assert await backend.introspect(client, token) == {"active": False}


async def test_a_spent_refresh_token_is_not_active(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.2: active says whether the presented token is currently active."""
    tokens = await backend.code_tokens(client)
    await backend.refresh(client, tokens["refresh_token"])

    assert await backend.introspect(client, tokens["refresh_token"]) == {"active": False}


async def test_of_another_clients_refresh_token_nothing_is_said(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§2.2: a token that the caller may not know about is inactive, and not an error (§2.3)."""
    tokens = await portal.code_tokens(client)

    assert await backend.introspect(client, tokens["refresh_token"]) == {"active": False}


async def test_a_service_of_other_organizations_is_told_nothing(
    client: httpx.AsyncClient, world: World, portal: Party
) -> None:
    """§4: where a token is good at certain resource servers only, the server MUST see to it."""
    await world.org("beta")
    _, secret = await world.client(
        "service", kind=ClientKind.CONFIDENTIAL, grants=[], organizations=["beta"]
    )
    token = (await portal.code_tokens(client))["access_token"]

    assert await Party("service", secret).introspect(client, token) == {"active": False}


async def test_an_id_token_is_not_active(client: httpx.AsyncClient, backend: Party) -> None:
    """§2.2: what is no access token gives no access."""
    token = (await backend.code_tokens(client))["id_token"]

    assert await backend.introspect(client, token) == {"active": False}


async def test_an_api_key_is_described_until_it_is_revoked(
    client: httpx.AsyncClient, backend: Party, alice: User
) -> None:
    """§2.2: of every kind of token that the services behind may be sent."""
    own = bearer((await log_in(client)).json()["access_token"])
    made = (await client.post("/api/v1/user/api-keys", json={"name": "job"}, headers=own)).json()

    alive = await backend.introspect(client, made["key"])
    await client.delete(f"/api/v1/user/api-keys/{made['id']}", headers=own)
    dead = await backend.introspect(client, made["key"])

    assert (alive["active"], alive["sub"]) == (True, str(alice.id))
    assert dead == {"active": False}


async def test_a_signed_answer_is_for_who_asked(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """RFC 9701 §5: typ, iss, aud, iat and token_introspection."""
    token = (await portal.code_tokens(client))["access_token"]
    signed = "application/token-introspection+jwt"

    answer = await client.post(
        INTROSPECT, data={"token": token}, headers={**backend.headers, "Accept": signed}
    )

    header, claims = decoded(answer.text)
    assert answer.headers["content-type"].startswith(signed)
    assert header["typ"] == "token-introspection+jwt"
    assert (claims["iss"], claims["aud"]) == (ISSUER, "backend")
    assert claims["token_introspection"]["active"] is True
    assert not {"sub", "exp"} & set(claims)
