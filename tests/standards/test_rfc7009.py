"""RFC 7009, Token Revocation."""

from __future__ import annotations

import httpx
import pytest

from tests.oauth.flows import bearer
from tests.standards.parties import REVOKE, Party, assert_refused
from tests.world import FakeClock, log_in
from vestibule.users.models import User


async def _revoke(
    client: httpx.AsyncClient, party: Party, token: str, **fields: str
) -> httpx.Response:
    form = {**party.fields, "token": token, **fields}
    return await client.post(REVOKE, data=form, headers=party.headers)


async def test_a_revoked_refresh_token_is_worth_nothing_at_once(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§2: invalidation takes place immediately, and the token cannot be used again."""
    tokens = await portal.code_tokens(client)

    answer = await _revoke(client, portal, tokens["refresh_token"])

    assert answer.status_code == 200
    assert_refused(await portal.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_a_revoked_access_token_is_worth_nothing_at_once(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§2.1: support for access tokens is a SHOULD."""
    tokens = await portal.code_tokens(client)

    answer = await _revoke(client, portal, tokens["access_token"])

    assert answer.status_code == 200
    assert await backend.introspect(client, tokens["access_token"]) == {"active": False}
    user = await client.get("/oauth2/userinfo", headers=bearer(tokens["access_token"]))
    assert user.status_code == 401


async def test_the_access_tokens_of_a_revoked_refresh_token_end_with_it(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§2.1: the server SHOULD also invalidate all access tokens of the same grant."""
    first = await portal.code_tokens(client)
    second = (await portal.refresh(client, first["refresh_token"])).json()

    await _revoke(client, portal, second["refresh_token"])

    for token in (first["access_token"], second["access_token"]):
        assert await backend.introspect(client, token) == {"active": False}


async def test_a_refresh_token_outlives_its_revoked_access_token(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§2.1: revoking the refresh token with an access token is a MAY that is not taken."""
    tokens = await portal.code_tokens(client)

    await _revoke(client, portal, tokens["access_token"])

    assert (await portal.refresh(client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_a_client_revokes_its_own_tokens_alone(
    client: httpx.AsyncClient, portal: Party, backend: Party, kind: str
) -> None:
    """§2.1: the server verifies that the token was issued to the client, else it refuses."""
    tokens = await portal.code_tokens(client)

    answer = await _revoke(client, backend, tokens[kind])

    assert_refused(answer, "unauthorized_client")
    assert (await backend.introspect(client, tokens["access_token"]))["active"] is True


@pytest.mark.parametrize("secret", ["", "wrong"])
async def test_a_confidential_client_proves_itself_to_revoke(
    client: httpx.AsyncClient, backend: Party, secret: str
) -> None:
    """§2.1: the server first validates the client credentials."""
    tokens = await backend.code_tokens(client)

    answer = await _revoke(client, Party("backend", secret), tokens["refresh_token"])

    assert_refused(answer, "invalid_client", 401)
    assert (await backend.refresh(client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("token", ["made-up", "vsr_made-up", "a.b.c"])
async def test_an_invalid_token_is_answered_with_200(
    client: httpx.AsyncClient, portal: Party, token: str
) -> None:
    """§2.2: 200 if the token was revoked, or the client submitted an invalid token."""
    assert (await _revoke(client, portal, token)).status_code == 200


async def test_revoking_twice_is_revoking(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.2: the purpose of the request is already achieved."""
    tokens = await portal.code_tokens(client)

    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await _revoke(client, portal, token)).status_code == 200
        assert (await _revoke(client, portal, token)).status_code == 200


async def test_an_expired_token_is_revoked_already(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§2.2: an invalid token is no error."""
    tokens = await portal.code_tokens(client)
    clock.advance(366 * 86400)

    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await _revoke(client, portal, token)).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unheard_of"])
async def test_a_wrong_hint_changes_nothing(
    client: httpx.AsyncClient, portal: Party, backend: Party, kind: str, hint: str
) -> None:
    """§2.1: the server MUST extend its search across all token types; §2.2: ignores the invalid."""
    tokens = await portal.code_tokens(client)

    answer = await _revoke(client, portal, tokens[kind], token_type_hint=hint)

    assert answer.status_code == 200
    assert await backend.introspect(client, tokens[kind]) == {"active": False}


async def test_a_request_without_token_is_invalid(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.1: token REQUIRED; §2.2.1: errors as in RFC 6749 §5.2."""
    assert_refused(await _revoke(client, portal, ""), "invalid_request")


async def test_a_kind_of_token_that_is_not_revoked_here_is_told_so(
    client: httpx.AsyncClient, alice: User
) -> None:
    """§2.2.1: unsupported_token_type, lest somebody believe that an API key has ended."""
    access_token = (await log_in(client)).json()["access_token"]
    made = await client.post(
        "/api/v1/user/api-keys", json={"name": "job"}, headers=bearer(access_token)
    )

    answer = await _revoke(client, Party("vestibule"), made.json()["key"])

    assert_refused(answer, "unsupported_token_type")


async def test_a_token_is_never_taken_from_the_address(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§2, §5: the token goes in the body of a POST; GET is refused."""
    tokens = await portal.code_tokens(client)
    query = {"token": tokens["refresh_token"], "client_id": "portal"}

    answer = await client.get(REVOKE, params=query)
    posted = await client.post(REVOKE, params=query, data={"client_id": "portal"})

    assert answer.status_code == 405
    assert_refused(posted, "invalid_request")
    assert (await portal.refresh(client, tokens["refresh_token"])).status_code == 200
