"""RFC 6749: the grants `password` (§4.3), `client_credentials` (§4.4) and `refresh_token` (§6)."""

from __future__ import annotations

import httpx
import pytest

from tests.standards.parties import Party, assert_refused, decoded
from tests.world import PASSWORD, FakeClock, World
from vestibule.clients.models import Grant
from vestibule.errors import ValidationFailed
from vestibule.users.models import User

# §4.3 Resource owner password credentials


async def test_a_password_becomes_tokens(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.3.3: an access token and optional refresh token, as described in §5.1."""
    answer = await portal.token(client, "password", username="alice", password=PASSWORD)

    body = answer.json()
    assert answer.status_code == 200, body
    assert {"access_token", "token_type", "expires_in", "refresh_token", "scope"} <= set(body)


@pytest.mark.parametrize("username", ["alice", "nobody"])
async def test_a_wrong_password_is_an_invalid_grant(
    client: httpx.AsyncClient, portal: Party, username: str
) -> None:
    """§5.2: invalid_grant for invalid resource owner credentials."""
    answer = await portal.token(client, "password", username=username, password="wrong")

    assert_refused(answer, "invalid_grant")


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_username_and_password_are_required(
    client: httpx.AsyncClient, portal: Party, missing: str
) -> None:
    """§4.3.2: username REQUIRED, password REQUIRED."""
    fields = {"username": "alice", "password": PASSWORD, missing: ""}

    assert_refused(await portal.token(client, "password", **fields), "invalid_request")


async def test_a_confidential_client_proves_itself_for_a_password_too(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§4.3.2: the server MUST require client authentication for confidential clients."""
    answer = await Party("backend").token(client, "password", username="alice", password=PASSWORD)

    assert_refused(answer, "invalid_client", 401)


# §4.4 Client credentials


async def test_no_public_client_can_have_client_credentials(world: World) -> None:
    """§4.4: client_credentials MUST only be used by confidential clients."""
    with pytest.raises(ValidationFailed):
        await world.client("portal", grants=[Grant.CLIENT_CREDENTIALS])


async def test_a_client_of_its_own_gets_no_refresh_token(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§4.4.3: a refresh token SHOULD NOT be included."""
    body = (await backend.token(client, "client_credentials")).json()

    assert "refresh_token" not in body
    assert "id_token" not in body


# §6 Refreshing an access token


async def test_a_refresh_token_is_of_the_client_that_it_was_issued_to(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§6, §10.4: the server MUST ensure that the refresh token was issued to this client."""
    token = (await portal.code_tokens(client))["refresh_token"]

    stolen = await backend.refresh(client, token)
    own = await portal.refresh(client, token)

    assert_refused(stolen, "invalid_grant")
    assert own.status_code == 200


async def test_a_confidential_client_proves_itself_to_refresh(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§6: the server MUST require client authentication for confidential clients."""
    token = (await backend.code_tokens(client))["refresh_token"]

    answer = await Party("backend").refresh(client, token)

    assert_refused(answer, "invalid_client", 401)


async def test_a_refresh_may_ask_for_less_and_the_grant_stays_whole(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§6: a new refresh token's scope MUST be that of the refresh token in the request."""
    first = await portal.code_tokens(client, scope="openid profile")

    narrow = (await portal.refresh(client, first["refresh_token"], scope="openid")).json()
    whole = (await portal.refresh(client, narrow["refresh_token"])).json()

    assert narrow["scope"] == "openid"
    assert decoded(narrow["access_token"])[1]["scope"] == "openid"
    assert whole["scope"] == "openid profile"


async def test_a_refresh_gives_no_scope_that_was_not_granted(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§6: the scope MUST NOT include any scope not originally granted."""
    first = await portal.code_tokens(client, scope="openid")

    answer = await portal.refresh(client, first["refresh_token"], scope="openid email")

    assert_refused(answer, "invalid_scope")


async def test_a_refused_refresh_spends_nothing(client: httpx.AsyncClient, portal: Party) -> None:
    """§6: only a request that is valid and authorized gets tokens in place of the former."""
    first = await portal.code_tokens(client, scope="openid")
    await portal.refresh(client, first["refresh_token"], scope="email")

    answer = await portal.refresh(client, first["refresh_token"])

    assert answer.status_code == 200


@pytest.mark.parametrize("token", ["", "vsr_", "made-up"])
async def test_a_refresh_token_that_is_none_is_refused(
    client: httpx.AsyncClient, portal: Party, token: str
) -> None:
    """§6, §5.2: refresh_token REQUIRED; invalid_grant for one that is invalid."""
    answer = await portal.refresh(client, token)

    assert_refused(answer, "invalid_grant" if token else "invalid_request")


async def test_an_access_token_is_no_refresh_token(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§1.5: refresh tokens are of their own kind."""
    token = (await portal.code_tokens(client))["access_token"]

    answer = await portal.refresh(client, token[:1000])

    assert_refused(answer, "invalid_grant")


async def test_the_person_stays_the_same(
    client: httpx.AsyncClient, portal: Party, alice: User, clock: FakeClock
) -> None:
    """§6: the access token is refreshed for the same authorization."""
    first = await portal.code_tokens(client)
    clock.advance(3600)

    second = (await portal.refresh(client, first["refresh_token"])).json()

    before, after = decoded(first["access_token"])[1], decoded(second["access_token"])[1]
    assert before["sub"] == after["sub"] == str(alice.id)
    assert after["iat"] == before["iat"] + 3600
