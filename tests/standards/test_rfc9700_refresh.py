"""RFC 9700: refresh tokens (§2.2.2, §4.14), by rotation."""

from __future__ import annotations

import httpx
import pytest

from tests.standards.parties import Party, assert_refused, served
from tests.world import PASSWORD, FakeClock, log_in
from vestibule.settings import Settings
from vestibule.users.models import User
from vestibule.wiring import Services

DAY = 86400


async def test_each_refresh_gives_another_token(client: httpx.AsyncClient, portal: Party) -> None:
    """§2.2.2, §4.14.2: for public clients servers MUST bind refresh tokens or rotate them."""
    first = (await portal.code_tokens(client))["refresh_token"]

    second = (await portal.refresh(client, first)).json()["refresh_token"]
    third = (await portal.refresh(client, second)).json()["refresh_token"]

    assert len({first, second, third}) == 3


async def test_a_token_that_comes_again_ends_all_that_came_of_it(
    client: httpx.AsyncClient, portal: Party, backend: Party, clock: FakeClock
) -> None:
    """§4.14.2: the server revokes the active refresh token and its access authorization."""
    first = (await portal.code_tokens(client))["refresh_token"]
    second = (await portal.refresh(client, first)).json()
    clock.advance(10)

    again = await portal.refresh(client, first)

    assert_refused(again, "invalid_grant")
    assert_refused(await portal.refresh(client, second["refresh_token"]), "invalid_grant")
    assert await backend.introspect(client, second["access_token"]) == {"active": False}


async def test_an_older_ancestor_ends_the_family_too(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.14.2: whichever generation a thief has, and within the grace of a lost answer as well."""
    first = (await portal.code_tokens(client))["refresh_token"]
    second = (await portal.refresh(client, first)).json()["refresh_token"]
    third = (await portal.refresh(client, second)).json()["refresh_token"]

    assert_refused(await portal.refresh(client, first), "invalid_grant")
    assert_refused(await portal.refresh(client, third), "invalid_grant")


async def test_a_lost_answer_is_given_again_for_some_seconds(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4.14.2: who repeats at once gets the same successor, so there is one line still."""
    first = (await portal.code_tokens(client))["refresh_token"]
    second = (await portal.refresh(client, first)).json()["refresh_token"]
    clock.advance(9)

    again = (await portal.refresh(client, first)).json()["refresh_token"]

    assert again == second
    assert (await portal.refresh(client, second)).status_code == 200


async def test_the_grace_can_be_switched_off(settings: Settings, clock: FakeClock) -> None:
    """§4.14.2: then a second use is a replay at once."""
    async with served(settings, clock, refresh_grace=0) as (client, world):
        await world.user()
        await world.client("portal")
        first = (await log_in(client, client_id="portal")).json()["refresh_token"]
        portal = Party("portal")
        second = (await portal.refresh(client, first)).json()["refresh_token"]

        assert_refused(await portal.refresh(client, first), "invalid_grant")
        assert_refused(await portal.refresh(client, second), "invalid_grant")


async def test_a_made_up_token_ends_nobodys_family(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.14.2: only a token that we made says that it was stolen."""
    token = (await portal.code_tokens(client))["refresh_token"]
    forged = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]

    assert_refused(await portal.refresh(client, forged), "invalid_grant")
    assert (await portal.refresh(client, token)).status_code == 200


async def test_a_token_that_is_not_used_expires(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4.14.2: refresh tokens SHOULD expire if the client has been inactive for some time."""
    token = (await portal.code_tokens(client))["refresh_token"]

    clock.advance(7 * DAY - 1)
    token = (await portal.refresh(client, token)).json()["refresh_token"]
    clock.advance(7 * DAY)

    assert_refused(await portal.refresh(client, token), "invalid_grant")


async def test_a_sign_in_ends_though_it_be_used(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4.14: by the policy of the server a refresh token ends at the latest after 30 days."""
    token = (await portal.code_tokens(client))["refresh_token"]
    for _ in range(5):
        clock.advance(6 * DAY - 1)
        answer = await portal.refresh(client, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]

    clock.advance(5)

    assert_refused(await portal.refresh(client, token), "invalid_grant")


async def test_a_password_change_ends_other_sign_ins(
    client: httpx.AsyncClient, portal: Party, alice: User
) -> None:
    """§4.14.2: servers MAY revoke refresh tokens at a security event, such as this."""
    token = (await portal.code_tokens(client))["refresh_token"]
    own = (await log_in(client)).json()["access_token"]

    changed = await client.post(
        "/api/v1/user/password",
        json={"current_password": PASSWORD, "new_password": "another horse, another battery"},
        headers={"Authorization": f"Bearer {own}"},
    )

    assert changed.is_success, changed.text
    assert_refused(await portal.refresh(client, token), "invalid_grant")


@pytest.mark.parametrize("event", ["logout", "disabled"])
async def test_a_refresh_token_ends_with_its_session_and_its_account(
    client: httpx.AsyncClient, portal: Party, alice: User, services: Services, event: str
) -> None:
    """§4.14.2: the same."""
    token = (await portal.code_tokens(client))["refresh_token"]

    if event == "logout":
        await client.post("/api/v1/auth/logout", json={"refresh_token": token})
    else:
        await services.users.update(alice, is_active=False)

    assert_refused(await portal.refresh(client, token), "invalid_grant")


async def test_a_confidential_clients_token_rotates_as_well(
    client: httpx.AsyncClient, backend: Party, clock: FakeClock
) -> None:
    """§4.14.2: rotation for all, though a proved client be bound already."""
    first = (await backend.code_tokens(client))["refresh_token"]
    second = (await backend.refresh(client, first)).json()["refresh_token"]
    clock.advance(10)

    assert second != first
    assert_refused(await backend.refresh(client, first), "invalid_grant")
