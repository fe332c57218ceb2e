"""RFC 9700, Best Current Practice for OAuth 2.0 Security.

Refresh tokens (§2.2.2, §4.14) stand in `test_rfc9700_refresh.py`.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    Pkce,
    authorization_query,
    authorize,
    code_of,
    hidden,
    query_of,
    sign_in_page,
)
from tests.standards.parties import USERINFO, Party, assert_refused, served
from tests.world import PASSWORD, FakeClock, World
from vestibule.clients.models import Grant
from vestibule.errors import ValidationFailed
from vestibule.oauth.redirect_uris import is_registered
from vestibule.settings import Settings

# §2.1, §4.1 Redirect URIs


@pytest.mark.parametrize(
    "uri",
    [
        f"{CALLBACK}/",
        f"{CALLBACK}?a=b",
        f"{CALLBACK}#a",
        f"{CALLBACK}/../callback",
        "https://app.example.org/Callback",
        "https://APP.example.org/callback",
        "https://app.example.org:443/callback",
        "https://app.example.org/%63allback",
        "https://app.example.org.evil.example/callback",
        "https://app.example.org@evil.example/callback",
        "http://app.example.org/callback",
        "//app.example.org/callback",
    ],
)
async def test_redirect_uris_are_compared_to_the_letter(
    client: httpx.AsyncClient, portal: Party, uri: str
) -> None:
    """§2.1: servers MUST utilize exact string matching."""
    query = authorization_query("portal", Pkce(), redirect_uri=uri)

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_a_native_app_listens_on_any_port_of_its_own_machine(
    client: httpx.AsyncClient, world: World, host: str
) -> None:
    """§4.1.3: the server MUST allow variable port numbers, as RFC 8252 §7.3 describes."""
    await world.user()
    await world.client(
        "native", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[f"http://{host}/back"]
    )
    uri, pkce = f"http://{host}:51004/back", Pkce()

    location = await authorize(client, "native", pkce, redirect_uri=uri)
    code = query_of(location)["code"]
    other = await Party("native").redeem(client, code, pkce, redirect_uri=f"http://{host}/back")
    same = await Party("native").redeem(client, code, pkce, redirect_uri=uri)

    assert location.startswith(f"{uri}?code=")
    assert_refused(other, "invalid_grant")
    assert same.status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1@evil.example/back",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/back/",
        "http://127.0.0.1:/back",
        "http://127.0.0.1:x/back",
        "http://127.0.0.1.evil.example/back",
        "http://localhost:51004/back",
        "http://[::1]:51004/back",
        "https://127.0.0.1:51004/back",
    ],
)
async def test_nothing_but_the_port_is_variable(
    client: httpx.AsyncClient, world: World, uri: str
) -> None:
    """§4.1.3: the only exception is the port."""
    await world.client(
        "native", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=["http://127.0.0.1:8080/back"]
    )

    answer = await client.get(
        f"{AUTHORIZE}?{authorization_query('native', Pkce(), redirect_uri=uri)}"
    )

    assert answer.status_code == 400


def test_a_port_is_a_port_and_no_part_of_a_name() -> None:
    """§4.1.3: what only begins like a loopback address is compared to the letter."""
    registered = ["http://127.0.0.1@evil.example/", "http://localhost.evil.example/"]

    assert not is_registered("http://127.0.0.1:1@evil.example/", registered)
    assert not is_registered("http://localhost:1.evil.example/", registered)


@pytest.mark.parametrize("uri", ["http://app.example.org/", "https://*.example.org/", "js:x"])
async def test_a_redirect_uri_is_encrypted_and_no_pattern(world: World, uri: str) -> None:
    """§2.6, §4.1.1: http only for loopback, no wildcards."""
    with pytest.raises(ValidationFailed):
        await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[uri])


# §2.1.1, §4.8 PKCE


@pytest.mark.parametrize("confidential", [False, True])
async def test_every_client_must_use_pkce(
    client: httpx.AsyncClient, portal: Party, backend: Party, confidential: bool
) -> None:
    """§2.1.1: public clients MUST use PKCE, for confidential ones it is RECOMMENDED."""
    party = backend if confidential else portal
    query = authorization_query(
        party.client_id, Pkce(), code_challenge=None, code_challenge_method=None
    )

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert query_of(answer.headers["location"])["error"] == "invalid_request"


async def test_the_metadata_tells_that_pkce_is_supported(client: httpx.AsyncClient) -> None:
    """§2.1.1: servers MUST provide a way to detect their support for PKCE."""
    told = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert told["code_challenge_methods_supported"] == ["S256"]


async def test_a_verifier_is_not_dispensable_by_leaving_out_the_challenge(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.8.2: the server MUST mitigate PKCE downgrade attacks."""
    query = authorization_query(
        "portal", Pkce(), code_challenge="", code_challenge_method="", prompt="none"
    )

    told = query_of((await client.get(f"{AUTHORIZE}?{query}")).headers["location"])

    assert "code" not in told
    assert told["error"] == "invalid_request"


async def test_a_code_of_another_session_is_of_no_use(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.5: code injection fails, because the verifier is another."""
    victims, attackers = Pkce(), Pkce()
    await code_of(client, "portal", attackers)
    stolen = await code_of(client, "portal", victims)

    assert_refused(await portal.redeem(client, stolen, attackers), "invalid_grant")


# §2.1.2 Implicit grant, §2.4 Password grant


@pytest.mark.parametrize("kind", ["token", "id_token token", "code token"])
async def test_no_access_token_is_issued_in_an_authorization_response(
    client: httpx.AsyncClient, portal: Party, kind: str
) -> None:
    """§2.1.2: response types that issue access tokens in the response SHOULD NOT be used."""
    query = authorization_query("portal", Pkce(), response_type=kind)

    location = (await client.get(f"{AUTHORIZE}?{query}")).headers["location"]

    assert "access_token" not in location
    assert "#" not in location


async def test_the_password_grant_is_for_clients_that_were_given_it(
    client: httpx.AsyncClient, world: World
) -> None:
    """§2.4: the password grant MUST NOT be used; here by name only."""
    await world.user()
    await world.client("web", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK])

    answer = await Party("web").token(client, "password", username="alice", password=PASSWORD)

    assert_refused(answer, "unauthorized_client")


# §4.2, §4.3 What leaks from the browser


async def test_pages_tell_nothing_to_other_sites(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.2.4: the page SHOULD NOT contain third-party resources; referrers are suppressed."""
    page = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")

    assert page.headers["referrer-policy"] in ("same-origin", "no-referrer")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert page.headers["cache-control"] == "no-store"


async def test_no_access_token_is_taken_from_the_address(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.3.2: clients MUST NOT pass access tokens in a URI query parameter."""
    token = (await portal.code_tokens(client))["access_token"]

    answer = await client.get(USERINFO, params={"access_token": token})

    assert answer.status_code == 401


# §4.11 Open redirection, §4.12 307


async def test_nobody_is_redirected_before_client_and_uri_are_known(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.11.2: the server MUST take precautions, and only redirect to what it trusts."""
    evil = {"response_type": "code", "client_id": "portal", "redirect_uri": "https://evil.example"}

    for changes in ({}, {"prompt": "none"}, {"scope": "admin"}, {"response_type": "x"}):
        answer = await client.get(f"{AUTHORIZE}?{urlencode({**evil, **changes})}")
        assert answer.status_code == 400
        assert "evil.example" not in str(answer.headers)


async def test_a_form_with_credentials_is_answered_by_303(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.12: the server MUST NOT use 307 after a request with credentials, SHOULD use 303."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"

    signed_in = await sign_in_page(client, url)
    page = await client.get(signed_in.headers["location"])
    form = {"action": "approve", "form_token": hidden(page.text, "form_token")}
    approved = await client.post(str(page.request.url), data=form)

    assert (signed_in.status_code, approved.status_code) == (303, 303)
    assert urlsplit(approved.headers["location"]).netloc == "app.example.org"
    assert PASSWORD not in approved.headers["location"]


# §4.16 Clickjacking


@pytest.mark.parametrize("path", ["sign in", "consent", "/login/device"])
async def test_pages_can_not_be_framed(client: httpx.AsyncClient, portal: Party, path: str) -> None:
    """§4.16: servers MUST prevent clickjacking, by CSP level 2 and X-Frame-Options."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    if path == "consent":
        page = await client.get((await sign_in_page(client, url)).headers["location"])
    else:
        page = await client.get(url if path == "sign in" else path)

    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


# §4.7 CSRF, §4.13, §2.6


async def test_signing_in_needs_our_own_form(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.7: a sign-in that another site sends is refused, though the password be right."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    await client.get(url)

    answer = await client.post(
        url, data={"action": "sign_in", "username": "alice", "password": PASSWORD}
    )

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_proxy_that_is_not_known_can_not_claim_tls(
    settings: Settings, clock: FakeClock
) -> None:
    """§4.13: fields that a reverse proxy sets MUST be sanitized, here: believed of known ones."""
    async with served(settings, clock, address="203.0.113.9") as (client, _):
        answer = await client.post(
            "/oauth2/token",
            data={"grant_type": "x", "client_id": "vestibule"},
            headers={"X-Forwarded-Proto": "https"},
        )

    assert answer.status_code == 426


async def test_a_code_is_valid_for_a_minute_and_for_one_use(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4.2.4, §4.5: codes are short-lived and MUST be invalidated after their first use."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    clock.advance(59)

    first, second = [await portal.redeem(client, code, pkce) for _ in range(2)]

    assert first.status_code == 200
    assert_refused(second, "invalid_grant")
