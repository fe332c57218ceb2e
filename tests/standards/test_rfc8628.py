"""RFC 8628, Device Authorization Grant."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.oauth.flows import approve_device, basic, sign_in_page
from tests.standards.parties import Party, assert_refused
from tests.world import FakeClock, World
from vestibule.clients.models import Grant
from vestibule.devices.user_codes import ALPHABET, LENGTH
from vestibule.users.models import User

START = "/oauth2/device_authorization"


async def _start(client: httpx.AsyncClient, party: Party, **fields: str) -> dict[str, Any]:
    answer = await client.post(
        START, data={"scope": "", **party.fields, **fields}, headers=party.headers
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def _poll(client: httpx.AsyncClient, party: Party, device_code: str) -> httpx.Response:
    return await party.token(client, Grant.DEVICE_CODE, device_code=device_code)


# §3.1, §3.2 Starting


async def test_a_start_answers_with_codes_and_where_to_go(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.2: device_code, user_code, verification_uri, expires_in REQUIRED; no-store."""
    answer = await client.post(START, data={"client_id": "portal"})

    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    page = "http://127.0.0.1:8000/login/device"
    assert body["verification_uri"] == page
    assert body["verification_uri_complete"] == f"{page}?code={body['user_code']}"
    assert (body["expires_in"], body["interval"]) == (900, 5)
    assert body["device_code"]


async def test_a_confidential_client_proves_itself_to_start(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§3.1: the client authentication requirements of RFC 6749 §3.2.1 apply."""
    unproved = await client.post(START, data={"client_id": "backend"})
    wrong = await client.post(START, data={}, headers={
        **basic("backend", "wrong"), "Content-Type": "application/x-www-form-urlencoded",
    })  # fmt: skip

    assert_refused(unproved, "invalid_client", 401)
    assert_refused(wrong, "invalid_client", 401)
    assert (await _start(client, backend))["user_code"]


async def test_a_start_of_no_client_is_refused(client: httpx.AsyncClient) -> None:
    """§3.1: client_id REQUIRED where the client does not authenticate."""
    answer = await client.post(START, data={"scope": "openid"})

    assert_refused(answer, "invalid_client", 401)


async def test_a_client_without_this_grant_can_not_start(
    client: httpx.AsyncClient, world: World
) -> None:
    """§3.2: errors as in RFC 6749 §5.2."""
    await world.client("web", grants=[Grant.PASSWORD])

    answer = await client.post(START, data={"client_id": "web"})

    assert_refused(answer, "unauthorized_client")


async def test_a_scope_beyond_the_client_can_not_be_started_for(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1: scope as in RFC 6749 §3.3."""
    answer = await client.post(START, data={"client_id": "portal", "scope": "admin"})

    assert_refused(answer, "invalid_scope")


async def test_a_repeated_or_unknown_parameter(client: httpx.AsyncClient, portal: Party) -> None:
    """§3.1: MUST NOT be included more than once; unrecognized MUST be ignored, empty omitted."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    twice = await client.post(START, content="client_id=portal&client_id=portal", headers=form)
    other = await client.post(START, content="client_id=portal&foo=1&scope=", headers=form)

    assert_refused(twice, "invalid_request")
    assert other.status_code == 200


# §3.3 The person


async def test_the_person_sees_which_code_is_approved(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.3.1: the server SHOULD display the user code, also where it came in the address."""
    started = await _start(client, portal)
    url = f"/login/device?code={started['user_code']}"

    asked = await client.get(url)
    page = await client.get((await sign_in_page(client, url)).headers["location"])

    assert 'type="password"' in asked.text
    assert started["user_code"] in page.text
    assert "portal" in page.text


async def test_opening_the_complete_address_approves_nothing(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.3.1, §5.4: the person must confirm, or a link alone would let a stranger's device in."""
    started = await _start(client, portal)
    url = f"/login/device?code={started['user_code']}"
    await client.get((await sign_in_page(client, url)).headers["location"])

    assert_refused(await _poll(client, portal, started["device_code"]), "authorization_pending")


@pytest.mark.parametrize("change", [str.lower, lambda code: code.replace("-", " ")])
async def test_a_user_code_is_compared_as_a_person_types_it(
    client: httpx.AsyncClient, portal: Party, change: Any
) -> None:
    """§6.1: the server should ignore case and punctuation that is not in the character set."""
    started = await _start(client, portal)

    done = await approve_device(client, change(started["user_code"]))

    assert done.status_code == 200
    assert (await _poll(client, portal, started["device_code"])).status_code == 200


# §3.4, §3.5 The device asks


async def test_an_approved_device_gets_tokens(
    client: httpx.AsyncClient, portal: Party, alice: User
) -> None:
    """§3.5: the successful answer is that of RFC 6749 §5.1."""
    started = await _start(client, portal, scope="openid profile")
    await approve_device(client, started["user_code"])

    answer = await _poll(client, portal, started["device_code"])

    body = answer.json()
    assert answer.status_code == 200, body
    assert answer.headers["cache-control"] == "no-store"
    assert {"access_token", "refresh_token", "id_token", "token_type", "expires_in"} <= set(body)
    assert body["scope"] == "openid profile"


async def test_a_device_code_is_good_for_one_answer(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.5, RFC 6749 §4.1.2: what was exchanged is an invalid_grant."""
    started = await _start(client, portal)
    await approve_device(client, started["user_code"])
    await _poll(client, portal, started["device_code"])

    assert_refused(await _poll(client, portal, started["device_code"]), "invalid_grant")


async def test_a_device_that_waits_is_told_so(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.5: authorization_pending, as often as it asks in time."""
    code = (await _start(client, portal))["device_code"]

    for _ in range(3):
        assert_refused(await _poll(client, portal, code), "authorization_pending")
        clock.advance(5)


async def test_a_device_that_asks_too_often_must_wait_five_seconds_longer(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.5: slow_down, the interval MUST be increased by 5 seconds for all that follow."""
    code = (await _start(client, portal))["device_code"]

    told = []
    for waited in (0, 4, 9, 14, 15, 20, 20):
        clock.advance(waited)
        told.append((await _poll(client, portal, code)).json()["error"])

    pending, slow = "authorization_pending", "slow_down"
    # From 5 seconds to 10, to 15, to 20: 15 are too few then, and 20 are too few for 25.
    assert told == [pending, slow, slow, slow, slow, slow, slow]
    clock.advance(35)
    assert_refused(await _poll(client, portal, code), pending)


async def test_a_refused_device_is_told_so(client: httpx.AsyncClient, portal: Party) -> None:
    """§3.5: access_denied."""
    started = await _start(client, portal)
    await approve_device(client, started["user_code"], action="refuse")

    assert_refused(await _poll(client, portal, started["device_code"]), "access_denied")


async def test_a_device_code_expires(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.5: expired_token, once expires_in has passed."""
    started = await _start(client, portal)

    clock.advance(started["expires_in"] - 1)
    before = await _poll(client, portal, started["device_code"])
    clock.advance(1)
    after = await _poll(client, portal, started["device_code"])

    assert_refused(before, "authorization_pending")
    assert_refused(after, "expired_token")


async def test_an_expired_code_can_not_be_approved(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.2: expires_in is the lifetime of the device code and of the user code."""
    started = await _start(client, portal)
    url = f"/login/device?code={started['user_code']}"
    await sign_in_page(client, url)
    clock.advance(900)

    assert (await client.get(url)).status_code == 404


async def test_a_device_code_is_of_the_client_that_started_it(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§3.4: client_id is REQUIRED and the code was issued to it."""
    started = await _start(client, portal)
    await approve_device(client, started["user_code"])

    stolen = await _poll(client, backend, started["device_code"])

    assert_refused(stolen, "invalid_grant")
    assert (await _poll(client, portal, started["device_code"])).status_code == 200


@pytest.mark.parametrize("code", ["", "made-up"])
async def test_a_device_code_that_is_none_is_refused(
    client: httpx.AsyncClient, portal: Party, code: str
) -> None:
    """§3.4: device_code REQUIRED."""
    answer = await _poll(client, portal, code)

    assert_refused(answer, "invalid_grant" if code else "invalid_request")


async def test_the_user_code_is_no_device_code(client: httpx.AsyncClient, portal: Party) -> None:
    """§5.2: who sees the screen must not be able to fetch the tokens."""
    started = await _start(client, portal)
    await approve_device(client, started["user_code"])

    assert_refused(await _poll(client, portal, started["user_code"]), "invalid_grant")


# §4, §5, §6


async def test_the_metadata_names_the_endpoint_and_the_grant(client: httpx.AsyncClient) -> None:
    """§4: device_authorization_endpoint."""
    told = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert told["device_authorization_endpoint"].endswith(START)
    assert Grant.DEVICE_CODE in told["grant_types_supported"]


async def test_user_codes_can_not_be_tried_out(client: httpx.AsyncClient, portal: Party) -> None:
    """§5.1: the server SHOULD limit the tries at user codes."""
    await sign_in_page(client, "/login/device")

    answers = [await client.get("/login/device?code=BBBB-BBBB") for _ in range(21)]

    assert {answer.status_code for answer in answers[:20]} == {404}
    assert answers[20].status_code == 429


async def test_a_device_code_has_256_random_bits(client: httpx.AsyncClient, portal: Party) -> None:
    """§5.2: a device code of very high entropy SHOULD be used."""
    codes = {(await _start(client, portal))["device_code"] for _ in range(3)}

    assert {len(code) for code in codes} == {43}
    assert len(codes) == 3


async def test_user_codes_are_short_and_of_letters_that_make_no_words(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§6.1: 20 consonants to the 8th, 34.5 bits, as the example of the section has them."""
    code = (await _start(client, portal))["user_code"]

    assert len(code) == LENGTH + 1 == 9
    assert set(code.replace("-", "")) <= set("BCDFGHJKLMNPQRSTVWXZ") == set(ALPHABET)
