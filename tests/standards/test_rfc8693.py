"""RFC 8693, Token Exchange: from one of a person's organizations to another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.oauth.flows import CALLBACK
from tests.standards.parties import (
    ACCESS_TOKEN_TYPE,
    ISSUER,
    Holder,
    Party,
    assert_refused,
    decoded,
)
from tests.world import FakeClock, World
from vestibule.clients.models import Grant
from vestibule.users.models import User


@pytest.fixture
async def portal(world: World, alice: User) -> Party:
    """A client of the platform's own: the person was not asked for one organization alone."""
    await world.client(
        "portal", grants=[Grant.AUTHORIZATION_CODE, Grant.TOKEN_EXCHANGE, Grant.REFRESH_TOKEN],
        scopes=["openid", "profile", "email"], redirect_uris=[CALLBACK], first_party=True,
    )  # fmt: skip
    return Party("portal")


@pytest.fixture
async def beta(world: World, alice: User) -> None:
    """A second organization of alice, and one that is not hers."""
    (own,) = await world.services.organizations.memberships_of(alice.id)
    await world.services.users.update(alice, default_org_id=own.organization.id)
    await world.org("beta", alice)
    await world.org("gamma")


async def _exchange(
    client: httpx.AsyncClient,
    party: Party,
    token: str,
    headers: dict[str, str] | None = None,
    /,
    **changes: str,
) -> httpx.Response:
    fields = {
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN_TYPE,
        "scope": "org:beta",
        **changes,
    }
    return await party.token(client, Grant.TOKEN_EXCHANGE, headers, **fields)


async def test_an_exchange_answers_with_what_it_has_issued(
    client: httpx.AsyncClient, portal: Party, beta: None
) -> None:
    """§2.2.1: access_token, issued_token_type, token_type REQUIRED; expires_in RECOMMENDED."""
    token = (await portal.code_tokens(client))["access_token"]

    answer = await _exchange(client, portal, token)

    body = answer.json()
    assert answer.status_code == 200, body
    assert answer.headers["cache-control"] == "no-store"
    assert body["issued_token_type"] == ACCESS_TOKEN_TYPE
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert decoded(body["access_token"])[1]["org_key"] == "beta"


async def test_an_exchange_gives_no_refresh_token(
    client: httpx.AsyncClient, portal: Party, beta: None
) -> None:
    """§2.2.1: a refresh token will typically not be issued."""
    token = (await portal.code_tokens(client))["access_token"]

    assert "refresh_token" not in (await _exchange(client, portal, token)).json()


async def test_the_new_token_is_of_the_same_person_and_ends_no_later(
    client: httpx.AsyncClient, portal: Party, beta: None, clock: FakeClock
) -> None:
    """§2.1: the subject is the party on behalf of whom the request is made."""
    token = (await portal.code_tokens(client))["access_token"]
    clock.advance(600)

    body = (await _exchange(client, portal, token)).json()

    before, after = decoded(token)[1], decoded(body["access_token"])[1]
    assert (after["sub"], after["sid"]) == (before["sub"], before["sid"])
    assert after["exp"] == before["exp"]
    assert body["expires_in"] == 300


@pytest.mark.parametrize("name", ["subject_token", "subject_token_type"])
async def test_the_subject_token_and_its_type_are_required(
    client: httpx.AsyncClient, portal: Party, beta: None, name: str
) -> None:
    """§2.1: subject_token REQUIRED, subject_token_type REQUIRED."""
    token = (await portal.code_tokens(client))["access_token"]

    assert_refused(await _exchange(client, portal, token, **{name: ""}), "invalid_request")


@pytest.mark.parametrize("name", ["subject_token_type", "requested_token_type"])
async def test_another_type_of_token_is_an_invalid_request(
    client: httpx.AsyncClient, portal: Party, beta: None, name: str
) -> None:
    """§2.2.2: unacceptable based on policy MUST be invalid_request."""
    token = (await portal.code_tokens(client))["access_token"]
    other = "urn:ietf:params:oauth:token-type:id_token"

    assert_refused(await _exchange(client, portal, token, **{name: other}), "invalid_request")


async def test_an_invalid_subject_token_is_an_invalid_request(
    client: httpx.AsyncClient, portal: Party, beta: None, clock: FakeClock
) -> None:
    """§2.2.2: an invalid subject_token, for whatever reason, MUST be invalid_request."""
    tokens = await portal.code_tokens(client)
    for token in ("made-up", tokens["id_token"], tokens["refresh_token"]):
        assert_refused(await _exchange(client, portal, token), "invalid_request")

    clock.advance(906)

    assert_refused(await _exchange(client, portal, tokens["access_token"]), "invalid_request")


async def test_a_revoked_subject_token_is_an_invalid_request(
    client: httpx.AsyncClient, portal: Party, beta: None
) -> None:
    """§2.2.2: the same."""
    tokens = await portal.code_tokens(client)
    await client.post("/api/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]})

    answer = await _exchange(client, portal, tokens["access_token"])

    assert_refused(answer, "invalid_request")


async def test_a_token_of_another_client_is_not_exchanged(
    client: httpx.AsyncClient, portal: Party, backend: Party, beta: None
) -> None:
    """§5: a stolen token must not be turned into another by whoever holds it."""
    token = (await portal.code_tokens(client))["access_token"]

    assert_refused(await _exchange(client, backend, token), "invalid_request")


@pytest.mark.parametrize("scope", ["org:gamma", "org:nowhere", "org:beta email", "openid"])
async def test_an_exchange_widens_nothing(
    client: httpx.AsyncClient, portal: Party, beta: None, scope: str
) -> None:
    """§2.1, scope: the requested scope of the new token, within what the subject has."""
    token = (await portal.code_tokens(client, scope="openid"))["access_token"]

    assert_refused(await _exchange(client, portal, token, scope=scope), "invalid_scope")


@pytest.mark.parametrize("name", ["audience", "resource"])
async def test_a_target_that_is_not_ours_is_an_invalid_target(
    client: httpx.AsyncClient, portal: Party, beta: None, name: str
) -> None:
    """§2.2.2: unwilling to issue for a target SHOULD be invalid_target."""
    token = (await portal.code_tokens(client))["access_token"]

    own = await _exchange(client, portal, token, **{name: ISSUER})
    other = await _exchange(client, portal, token, **{name: "https://other.example"})

    assert own.status_code == 200
    assert_refused(other, "invalid_target")


async def test_an_actor_is_not_ignored(
    client: httpx.AsyncClient, portal: Party, beta: None
) -> None:
    """§1.1: who asks for delegation must not be given impersonation."""
    token = (await portal.code_tokens(client))["access_token"]

    answer = await _exchange(
        client, portal, token, actor_token=token, actor_token_type=ACCESS_TOKEN_TYPE
    )

    assert_refused(answer, "invalid_request")


async def test_a_bound_token_stays_bound(
    client: httpx.AsyncClient, portal: Party, beta: None, holder: Holder, clock: FakeClock
) -> None:
    """RFC 9449 §5: whatever the grant, the new token is bound to the proved key."""
    tokens: dict[str, Any] = await portal.code_tokens(client, holder.proof())
    token = tokens["access_token"]

    without = await _exchange(client, portal, token)
    other = await _exchange(client, portal, token, Holder(clock).proof())
    own = await _exchange(client, portal, token, holder.proof())

    assert_refused(without, "invalid_request")
    assert_refused(other, "invalid_request")
    assert own.json()["token_type"] == "DPoP"
    assert decoded(own.json()["access_token"])[1]["cnf"] == {"jkt": holder.jkt}
