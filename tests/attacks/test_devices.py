"""Device login: guessing, phishing, and approvals that nobody gave."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from tests.attacks.watch import Watch
from tests.conftest import make_client
from tests.oauth.flows import approve_device, exchange, hidden, sign_in_page
from tests.world import PASSWORD, FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.devices.user_codes import ALPHABET, canonical
from vestibule.wiring import Services

PAGE = "/login/device"
START = "/api/v1/auth/device/code"
TOKEN = "/api/v1/auth/device/token"


async def start(client: httpx.AsyncClient, **wish: str) -> dict[str, str]:
    started: dict[str, str] = (await client.post(START, json=wish)).json()
    return started


async def poll(client: httpx.AsyncClient, started: dict[str, str]) -> httpx.Response:
    return await client.post(TOKEN, json={"device_code": started["device_code"]})


async def signed_in(client: httpx.AsyncClient, username: str = "alice") -> None:
    answer = await sign_in_page(client, PAGE, username)
    assert answer.status_code == 303, answer.text


async def test_user_codes_can_not_be_tried_without_end_from_one_address(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user("alice")
    await world.user("bob")
    await signed_in(client)
    for number in range(20):
        code = "".join(ALPHABET[(number + i) % 20] for i in range(8))
        answer = await client.get(f"{PAGE}?code={code}")
        await watch.refused(answer, 404, "device_approve", "user_code")
    started = await start(client)
    client.cookies.clear()
    await signed_in(client, "bob")  # another person behind the same address

    answer = await client.get(f"{PAGE}?code={started['user_code']}")

    await watch.refused(answer, 429, "device_approve", "user_codes_limit")
    assert started["user_code"] not in answer.text


async def test_user_codes_can_not_be_tried_without_end_by_one_person(
    services: Services, world: World, watch: Watch, client: httpx.AsyncClient
) -> None:
    await world.user("alice")
    await signed_in(client)
    cookies = dict(client.cookies)
    for number in range(20):
        async with make_client(services) as other:
            other.cookies.update(cookies)
            # Each from an address of its own: a crowd of machines.
            other._transport.client = (f"127.0.1.{number}", 1)  # type: ignore[attr-defined]
            await other.get(f"{PAGE}?code=BCDF-GHJ{ALPHABET[number]}")

    answer = await client.get(f"{PAGE}?code=BCDF-GHJK")

    await watch.refused(answer, 429, "device_approve", "user_codes_limit")


async def test_a_code_is_no_way_in_without_signing_in(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    started = await start(client)
    url = f"{PAGE}?code={started['user_code']}"

    page = await client.get(url)
    posted = await client.post(
        url, data={"action": "approve", "form_token": hidden(page.text, "form_token")}
    )

    assert 'type="password"' in page.text
    assert "Vestibule</strong>" not in page.text  # nor is told what the code stands for
    assert posted.status_code == 303
    assert (await poll(client, started)).json()["type"] == "authorization_pending_error"


async def test_a_yes_to_one_code_is_none_to_another(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    shown, other = await start(client), await start(client)
    await signed_in(client)
    page = await client.get(f"{PAGE}?code={shown['user_code']}")
    token = hidden(page.text, "form_token")
    watch.keep(token)

    answer = await client.post(
        f"{PAGE}?code={other['user_code']}", data={"action": "approve", "form_token": token}
    )

    await watch.refused(answer, 403, "form", "csrf")
    assert (await poll(client, other)).json()["type"] == "authorization_pending_error"


async def test_following_a_link_approves_nothing(client: httpx.AsyncClient, world: World) -> None:
    await world.user()
    started = await start(client)
    await signed_in(client)

    for extra in ("&action=approve", "&action=approve&form_token=x", ""):
        await client.get(f"{PAGE}?code={started['user_code']}{extra}")

    assert (await poll(client, started)).json()["type"] == "authorization_pending_error"


async def test_a_person_is_shown_whom_they_let_in(
    services: Services, world: World, client: httpx.AsyncClient
) -> None:
    await world.user()
    async with make_client(services, address="198.51.100.7") as phisher:
        # Over TLS in earnest: here it is the proxy that would say so.
        phisher.base_url = httpx.URL("https://127.0.0.1:8000")
        phisher.headers["user-agent"] = "evil<script>alert(1)</script>\u202e"[:29]
        started = await start(phisher)
    await signed_in(client)

    page = await client.get(f"{PAGE}?code={started['user_code']}")

    assert "198.51.100.7" in page.text
    assert "another network" in page.text
    assert started["user_code"] in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize("second", ["approve", "refuse"])
async def test_what_was_decided_stays_decided(
    client: httpx.AsyncClient, world: World, watch: Watch, second: str
) -> None:
    await world.user()
    started = await start(client)
    await signed_in(client)
    page = await client.get(f"{PAGE}?code={started['user_code']}")
    form = {"action": "refuse", "form_token": hidden(page.text, "form_token")}
    await client.post(f"{PAGE}?code={started['user_code']}", data=form)

    again = await client.post(
        f"{PAGE}?code={started['user_code']}", data={**form, "action": second}
    )

    await watch.refused(again, 404, "device_approve", "user_code")
    answer = await poll(client, started)
    await watch.refused(answer, 403, "device_token", "device_refused")


async def test_a_redeemed_code_is_worth_nothing(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    started = await start(client)
    await approve_device(client, started["user_code"])
    tokens = (await poll(client, started)).json()
    watch.keep(started["device_code"], tokens["access_token"])

    answer = await poll(client, started)

    await watch.refused(answer, 400, "device_token", "device_replay")
    state = await client.get(f"{START}/{started['device_code']}")
    await watch.refused(state, 404, "device_state", "device_unknown")


async def test_a_device_code_is_its_own_clients_alone(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    await world.client("tv", grants=[Grant.DEVICE_CODE])
    await world.client("rival", grants=[Grant.DEVICE_CODE])
    started = await start(client, client_id="tv")
    await approve_device(client, started["user_code"])
    watch.keep(started["device_code"])

    answer = await exchange(
        client, Grant.DEVICE_CODE, client_id="rival", device_code=started["device_code"]
    )

    await watch.refused(answer, 400, "token", "device_unknown")


async def test_an_approval_dies_with_the_password_under_which_it_was_given(
    client: httpx.AsyncClient, world: World, services: Services, watch: Watch
) -> None:
    """Whoever was talked into a yes, and changes the password at once, is in time."""
    alice = await world.user()
    started = await start(client)
    await approve_device(client, started["user_code"])
    await services.users.set_password(alice, SecretStr("another horse, another battery"))

    answer = await poll(client, started)

    await watch.refused(answer, 400, "device_token", "session_ended")


async def test_signing_out_of_the_page_takes_no_approval_back(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    started = await start(client)
    await approve_device(client, started["user_code"])
    page = await client.get(PAGE)
    await client.post(
        PAGE, data={"action": "sign_out", "form_token": hidden(page.text, "form_token")}
    )

    assert (await poll(client, started)).status_code == 200


@pytest.mark.parametrize(
    "separator", ["\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\u00a0", "\u2003", "\u2028", "\x00"]
)
async def test_no_scope_hides_behind_an_organization(
    client: httpx.AsyncClient, world: World, watch: Watch, separator: str
) -> None:
    """`org:KEY` and another scope with white space that the check did not split at."""
    alice = await world.user()
    await world.org("acme", alice)
    await world.client("tv", grants=[Grant.DEVICE_CODE], scopes=["openid"])
    scope = f"openid org:acme{separator}api:write"

    answer = await client.post(START, json={"client_id": "tv", "scope": scope})
    await watch.refused(answer, 400, "device_start", "scope")
    standard = await client.post(
        "/oauth2/device_authorization", data={"client_id": "tv", "scope": scope}
    )
    await watch.refused(standard, 400, "device_start", "scope")


async def test_a_confidential_client_starts_nothing_without_its_secret(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.client("tv", kind=ClientKind.CONFIDENTIAL, grants=[Grant.DEVICE_CODE])

    answer = await client.post(START, json={"client_id": "tv"})

    await watch.refused(answer, 401, "device_start", "client_secret")


async def test_logins_can_not_be_started_without_end(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    for _ in range(30):
        assert (await client.post(START)).status_code == 200

    answer = await client.post(START)

    await watch.refused(answer, 429, "device_start", "devices_limit")


async def test_impatience_is_slowed_down_and_old_age_ends_it(
    client: httpx.AsyncClient, clock: FakeClock, watch: Watch
) -> None:
    started = await start(client)
    await poll(client, started)

    assert (await poll(client, started)).json()["type"] == "slow_down_error"
    clock.advance(901)
    answer = await poll(client, started)

    await watch.refused(answer, 400, "device_token", "device_expired")


@pytest.mark.parametrize("suffix", ["", "/", "?x=1", "%2f", "/../", "\u2003"])
@pytest.mark.parametrize("path", [START, "/API/v1/Auth/Device/Code", "/x/device/code"])
async def test_a_device_code_in_a_path_is_never_logged(
    client: httpx.AsyncClient, watch: Watch, path: str, suffix: str
) -> None:
    started = await start(client)
    watch.keep(started["device_code"])

    await client.get(f"{path}/{started['device_code']}{suffix}")
    await client.delete(f"{path}/{started['device_code']}{suffix}")

    assert any(str(line.get("path", "")).endswith("…") for line in watch.lines)


@pytest.mark.parametrize(
    "typed", ["bcdf-ghjk", " bcdf ghjk ", "BCDF\u2013GHJK", "BCDFGHJK"], ids=ascii
)
def test_a_code_may_be_typed_in_each_plain_way(typed: str) -> None:
    assert canonical(typed) == "BCDFGHJK"


@pytest.mark.parametrize(
    "typed",
    [
        "BCDF-GHJ\u212a",  # the Kelvin sign
        "BCDF-GHJ\u017f",  # a long s, S in upper case
        "BCDFGH\ufb06",  # a ligature, ST in upper case
        "ВСDF-GHJK",  # noqa: RUF001  (Cyrillic)
        "\uff22CDFGHJK",  # full width
        "BCDF-GHJK\u0301",
        "BCDF\u200bGHJK",
        "BCDF\u202eGHJK",
        "BCDF\x00GHJK",
        "BCDF-GHJ0",
        "BCDF-GHJKL",
        "",
        "-" * 8,
        "B" * 100_000,
    ],
    ids=lambda typed: ascii(typed)[:20],
)
def test_what_only_looks_like_a_code_is_none(typed: str) -> None:
    assert canonical(typed) is None


async def test_the_password_of_the_page_is_guarded_as_the_login_is(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    await world.user()
    watch.keep(PASSWORD, "a-wrong-password")
    for _ in range(5):
        answer = await sign_in_page(client, PAGE, password="a-wrong-password")
        await watch.refused(answer, 401, "login", "password")

    answer = await sign_in_page(client, PAGE)

    await watch.refused(answer, 429, "login", "network_delay")
