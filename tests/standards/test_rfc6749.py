"""RFC 6749, The OAuth 2.0 Authorization Framework: §2, §3, §4.1, §5 and §10 of it.

The other grants stand in `test_rfc6749_grants.py`.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    TOKEN,
    Pkce,
    authorization_query,
    authorize,
    basic,
    code_of,
    exchange,
    hidden,
    query_of,
    sign_in_page,
)
from tests.standards.parties import INTROSPECT, REVOKE, Party, assert_refused, served
from tests.world import PASSWORD, FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.errors import ValidationFailed
from vestibule.settings import Settings

# §2.3 Client authentication


async def test_a_client_with_a_password_may_use_http_basic(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.3.1: the server MUST support HTTP Basic for clients that were issued a password."""
    answer = await exchange(
        client, "client_credentials", headers=basic(backend.client_id, backend.secret)
    )

    assert answer.status_code == 200


async def test_basic_credentials_are_form_encoded_before_they_are_joined(
    client: httpx.AsyncClient, world: World
) -> None:
    """§2.3.1: identifier and password are encoded by application/x-www-form-urlencoded."""
    _, secret = await world.client(
        "a.b-c_d~e", kind=ClientKind.CONFIDENTIAL, grants=[Grant.CLIENT_CREDENTIALS]
    )
    every_sign = "".join(f"%{ord(sign):02X}" for sign in f"a.b-c_d~e:{secret}")
    encoded = every_sign.replace("%3A", ":", 1)
    field = "Basic " + base64.b64encode(encoded.encode()).decode()

    answer = await exchange(client, "client_credentials", headers={"Authorization": field})

    assert answer.status_code == 200


async def test_a_client_may_send_its_password_in_the_body(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.3.1: alternatively, the credentials may come in the request body."""
    answer = await exchange(
        client, "client_credentials", client_id=backend.client_id, client_secret=backend.secret
    )

    assert answer.status_code == 200


async def test_credentials_in_the_query_are_not_looked_at(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.3.1: the parameters MUST NOT be included in the request URI."""
    query = urlencode({"client_id": backend.client_id, "client_secret": backend.secret})

    answer = await client.post(f"{TOKEN}?{query}", data={"grant_type": "client_credentials"})

    assert_refused(answer, "invalid_client", 401)


@pytest.mark.parametrize("extra", [{"client_secret": "again"}, {"client_id": "portal"}])
async def test_two_methods_of_client_authentication_are_refused(
    client: httpx.AsyncClient, backend: Party, extra: dict[str, str]
) -> None:
    """§2.3: the client MUST NOT use more than one authentication method in each request."""
    answer = await exchange(client, "client_credentials", headers=backend.headers, **extra)

    assert_refused(answer, "invalid_request")


async def test_the_same_client_id_beside_basic_is_no_second_method(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§3.2.1: a client may use client_id to identify itself at the token endpoint."""
    answer = await exchange(
        client, "client_credentials", headers=backend.headers, client_id=backend.client_id
    )

    assert answer.status_code == 200


async def test_guessing_client_secrets_is_slowed_down(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§2.3.1: the server MUST protect any endpoint that takes the password against brute force."""
    wrong = basic(backend.client_id, "wrong")

    answers = [await exchange(client, "client_credentials", headers=wrong) for _ in range(121)]

    assert {answer.status_code for answer in answers[:120]} == {401}
    assert_refused(answers[120], "temporarily_unavailable", 429)
    assert int(answers[120].headers["retry-after"]) > 0


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE, "/oauth2/device_authorization"])
@pytest.mark.parametrize("secret", ["", "wrong"])
async def test_a_confidential_client_must_prove_itself_everywhere(
    client: httpx.AsyncClient, backend: Party, path: str, secret: str
) -> None:
    """§3.2.1: clients that were issued credentials MUST authenticate with the server."""
    form = {"grant_type": "client_credentials", "token": "any", "client_id": backend.client_id}
    if secret:
        form["client_secret"] = secret

    answer = await client.post(path, data=form)

    assert_refused(answer, "invalid_client", 401)


# §3.1 Authorization endpoint


async def test_the_person_signs_in_before_a_client_is_answered(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1: the server MUST first verify the identity of the resource owner."""
    answer = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")

    assert answer.status_code == 200
    assert 'type="password"' in answer.text
    assert "location" not in answer.headers


async def test_parameters_without_a_value_count_as_left_out(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1: parameters sent without a value MUST be treated as if they were omitted."""
    location = await authorize(client, "portal", Pkce(), state="", prompt="", max_age="", scope="")

    assert set(query_of(location)) == {"code", "iss"}


async def test_unknown_parameters_of_an_authorization_request_are_ignored(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1: the authorization server MUST ignore unrecognized request parameters."""
    location = await authorize(client, "portal", Pkce(), foo="bar", resource="https://a.example")

    assert "code" in query_of(location)


async def test_a_repeated_parameter_of_an_authorization_request_is_told_the_client(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1, §4.1.2.1: a parameter that comes more than once is an invalid_request."""
    query = authorization_query("portal", Pkce()) + "&scope=openid"

    answer = await client.get(f"{AUTHORIZE}?{query}")

    told = query_of(answer.headers["location"])
    assert (told["error"], told["state"]) == ("invalid_request", "xyz")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_client_or_redirect_uri_is_never_redirected(
    client: httpx.AsyncClient, portal: Party, name: str
) -> None:
    """§3.1.2.4: the server MUST NOT redirect to an invalid redirection URI."""
    value = {"client_id": "portal", "redirect_uri": CALLBACK}[name]
    query = authorization_query("portal", Pkce()) + "&" + urlencode({name: value})

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert answer.status_code == 400
    assert "more than once" in answer.text
    assert "location" not in answer.headers


async def test_a_missing_response_type_is_an_invalid_request(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.1: without response_type the server MUST answer with an error."""
    query = authorization_query("portal", Pkce(), response_type=None)

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert query_of(answer.headers["location"])["error"] == "invalid_request"


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none", "x"])
async def test_a_response_type_that_is_not_understood_is_an_error(
    client: httpx.AsyncClient, portal: Party, kind: str
) -> None:
    """§3.1.1: where the response type is not understood the server MUST answer with an error."""
    query = authorization_query("portal", Pkce(), response_type=kind)

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert query_of(answer.headers["location"])["error"] == "unsupported_response_type"


@pytest.mark.parametrize(
    "uri",
    ["/callback", "https://app.example.org/callback#fragment", "http://app.example.org/", "x"],
)
async def test_a_redirect_uri_is_absolute_and_has_no_fragment(world: World, uri: str) -> None:
    """§3.1.2: the redirection URI MUST be absolute and MUST NOT include a fragment."""
    with pytest.raises(ValidationFailed):
        await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[uri])


async def test_the_query_of_a_redirect_uri_is_kept(client: httpx.AsyncClient, world: World) -> None:
    """§3.1.2: the query component MUST be retained when parameters are added."""
    await world.user()
    uri = f"{CALLBACK}?tenant=a%20b"
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[uri])

    location = await authorize(client, "portal", Pkce(), redirect_uri=uri)

    assert location.startswith(f"{uri}&code=")
    assert query_of(location)["tenant"] == "a b"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": None},
    ],
)
async def test_nobody_is_sent_to_a_redirect_uri_that_is_not_proved(
    client: httpx.AsyncClient, portal: Party, changes: dict[str, str | None]
) -> None:
    """§3.1.2.4, §4.1.2.1: the person is told, and the browser MUST NOT be redirected."""
    query = authorization_query(**{"client_id": "portal", "pkce": Pkce(), **changes})  # type: ignore[arg-type]

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_client_without_redirect_uris_gets_nobody_redirected(
    client: httpx.AsyncClient, world: World
) -> None:
    """§3.1.2.2: public clients MUST register their redirection endpoint."""
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE])

    answer = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")

    assert answer.status_code == 400


# §3.2 Token endpoint


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_token_is_asked_for_by_post_alone(client: httpx.AsyncClient, method: str) -> None:
    """§3.2: the client MUST use POST."""
    answer = await client.request(method, f"{TOKEN}?grant_type=client_credentials")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_a_parameter_without_a_value_counts_as_left_out(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§3.2: parameters sent without a value MUST be treated as if they were omitted."""
    fields = {"client_secret": "", "client_assertion": "", "scope": "", "code": ""}

    answer = await backend.token(client, "client_credentials", **fields)

    assert answer.status_code == 200


async def test_an_unknown_parameter_is_ignored(client: httpx.AsyncClient, backend: Party) -> None:
    """§3.2: the authorization server MUST ignore unrecognized request parameters."""
    answer = await backend.token(client, "client_credentials", foo="bar")

    assert answer.status_code == 200


@pytest.mark.parametrize("twice", ["grant_type=client_credentials", "scope=openid", "foo=1&foo=2"])
async def test_a_repeated_parameter_is_refused(
    client: httpx.AsyncClient, backend: Party, twice: str
) -> None:
    """§3.2: parameters MUST NOT be included more than once."""
    body = f"grant_type=client_credentials&scope=openid&{twice}"
    headers = {**backend.headers, "Content-Type": "application/x-www-form-urlencoded"}

    answer = await client.post(TOKEN, content=body, headers=headers)

    assert_refused(answer, "invalid_request")


async def test_parameters_come_as_a_form(client: httpx.AsyncClient, backend: Party) -> None:
    """§4.1.3 and others: parameters are sent in the application/x-www-form-urlencoded format."""
    answer = await client.post(
        TOKEN, json={"grant_type": "client_credentials"}, headers=backend.headers
    )

    assert_refused(answer, "invalid_request")


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE])
async def test_nothing_secret_is_taken_over_plain_http_from_elsewhere(
    settings: Settings, clock: FakeClock, path: str
) -> None:
    """§3.2, §1.6: the server MUST require the use of TLS at the token endpoint."""
    async with served(settings, clock, address="203.0.113.9") as (client, _):
        answer = await client.post(path, data={"grant_type": "x", "token": "x", "client_id": "x"})

    assert answer.status_code == 426


async def test_nobody_signs_in_over_plain_http_from_elsewhere(
    settings: Settings, clock: FakeClock
) -> None:
    """§3.1: the server MUST require the use of TLS at the authorization endpoint."""
    async with served(settings, clock, address="203.0.113.9") as (client, _):
        answer = await client.get(f"{AUTHORIZE}?{authorization_query('vestibule', Pkce())}")

    assert answer.status_code == 426


# §3.3 Scope


async def test_no_scope_means_the_clients_own(client: httpx.AsyncClient, portal: Party) -> None:
    """§3.3: the server MUST process with a default, and tell it where it is not what was asked."""
    body = await portal.code_tokens(client, scope=None)

    assert body["scope"] == "email openid profile"


async def test_a_scope_beyond_the_client_is_refused_by_redirect(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.1.2.1: invalid_scope."""
    answer = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid admin')}"
    )

    assert query_of(answer.headers["location"])["error"] == "invalid_scope"


@pytest.mark.parametrize("scope", ["admin", "openid admin", 'open"id', "open\\id"])
async def test_a_scope_beyond_the_client_is_refused(
    client: httpx.AsyncClient, backend: Party, scope: str
) -> None:
    """§5.2: invalid_scope."""
    assert_refused(await backend.token(client, "client_credentials", scope=scope), "invalid_scope")


async def test_scopes_are_case_sensitive(client: httpx.AsyncClient, backend: Party) -> None:
    """§3.3: a list of space-delimited, case-sensitive strings."""
    answer = await backend.token(client, "client_credentials", scope="JOBS:run")

    assert_refused(answer, "invalid_scope")


# §4.1 Authorization code grant


async def test_state_comes_back_as_it_was_sent(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.1.2: state is REQUIRED in the answer if it was in the request, with the exact value."""
    state = "a b&c=d#e%20é+"

    location = await authorize(client, "portal", Pkce(), state=state)

    assert query_of(location)["state"] == state


async def test_state_comes_back_with_an_error(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.1.2.1: state is REQUIRED in the error if it was in the request."""
    query = authorization_query("portal", Pkce(), state="a b", response_type="token")

    answer = await client.get(f"{AUTHORIZE}?{query}")

    assert query_of(answer.headers["location"])["state"] == "a b"


async def test_a_person_who_says_no_is_an_access_denied(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.1.2.1: access_denied."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    page = await client.get((await sign_in_page(client, url)).headers["location"])
    form = {"action": "refuse", "form_token": hidden(page.text, "form_token")}

    answer = await client.post(str(page.request.url), data=form)

    told = query_of(answer.headers["location"])
    assert (told["error"], told["state"]) == ("access_denied", "xyz")
    assert "code" not in told


async def test_a_client_that_may_not_use_codes_is_told_so(
    client: httpx.AsyncClient, world: World
) -> None:
    """§4.1.2.1: unauthorized_client."""
    await world.client("portal", grants=[Grant.PASSWORD], redirect_uris=[CALLBACK])

    answer = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")

    assert query_of(answer.headers["location"])["error"] == "unauthorized_client"


async def test_the_description_of_an_error_has_no_forbidden_signs(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§4.1.2.1, §5.2: error_description MUST NOT include signs outside %x20-21 / 23-5B / 5D-7E."""
    query = authorization_query("portal", Pkce(), response_type='"\\é')

    answer = await client.get(f"{AUTHORIZE}?{query}")
    direct = await portal.token(client, '"\\é')

    for told in (query_of(answer.headers["location"]), direct.json()):
        assert re.fullmatch(r"[ !#-\[\]-~]+", told["error_description"])


async def test_a_code_lives_a_minute(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§4.1.2: the code MUST expire shortly after it is issued."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    clock.advance(60)

    assert_refused(await portal.redeem(client, code, pkce), "invalid_grant")


def test_no_code_can_be_made_to_live_over_ten_minutes() -> None:
    """§4.1.2: a maximum lifetime of 10 minutes is RECOMMENDED."""
    with pytest.raises(ValueError, match="less than or equal to 600"):
        Settings(authorization_code_lifetime=601)


async def test_a_code_is_good_for_one_use(client: httpx.AsyncClient, portal: Party) -> None:
    """§4.1.2: the client MUST NOT use the code more than once, else the server MUST deny."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)

    first = await portal.redeem(client, code, pkce)
    second = await portal.redeem(client, code, pkce)

    assert first.status_code == 200
    assert_refused(second, "invalid_grant")


async def test_a_code_used_twice_revokes_what_it_was_exchanged_for(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§4.1.2: the server SHOULD revoke all tokens previously issued based on that code."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    tokens = (await portal.redeem(client, code, pkce)).json()

    await portal.redeem(client, code, pkce)

    assert await backend.introspect(client, tokens["access_token"]) == {"active": False}
    assert_refused(await portal.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_a_code_is_of_the_client_that_it_was_issued_to(
    client: httpx.AsyncClient, portal: Party, backend: Party
) -> None:
    """§4.1.3: the server MUST ensure that the code was issued to the authenticated client."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)

    stolen = await backend.redeem(client, code, pkce)
    own = await portal.redeem(client, code, pkce)

    assert_refused(stolen, "invalid_grant")
    assert own.status_code == 200


async def test_a_code_is_redeemed_with_the_redirect_uri_that_it_came_through(
    client: httpx.AsyncClient, world: World
) -> None:
    """§4.1.3: redirect_uri values MUST be identical."""
    await world.user()
    other = "https://app.example.org/other"
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK, other])
    pkce, portal = Pkce(), Party("portal")
    code = await code_of(client, "portal", pkce)

    answer = await portal.redeem(client, code, pkce, redirect_uri=other)

    assert_refused(answer, "invalid_grant")


@pytest.mark.parametrize("name", ["code", "redirect_uri"])
async def test_a_parameter_that_the_grant_needs_must_be_there(
    client: httpx.AsyncClient, portal: Party, name: str
) -> None:
    """§4.1.3: code is REQUIRED, and redirect_uri where the authorization request had it."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    fields = {"code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier, name: ""}

    answer = await portal.token(client, "authorization_code", **fields)

    assert_refused(answer, "invalid_request")


async def test_a_code_that_never_was_is_an_invalid_grant(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§5.2: invalid_grant."""
    assert_refused(await portal.redeem(client, "made-up", Pkce()), "invalid_grant")


# §5 Answers of the token endpoint


async def test_tokens_are_answered_in_json_that_no_cache_keeps(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§5.1: 200, Cache-Control MUST be no-store, Pragma no-cache, and the required members."""
    answer = await backend.token(client, "client_credentials")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["access_token"]
    assert body["expires_in"] == 900


async def test_a_scope_other_than_asked_for_is_told(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§5.1: scope is REQUIRED in the answer where it differs from what was asked for."""
    answer = await backend.token(client, "client_credentials", scope="jobs:run openid")

    assert answer.json()["scope"] == "jobs:run"


async def test_no_grant_type_is_an_invalid_request(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§5.2: invalid_request."""
    assert_refused(await backend.token(client, ""), "invalid_request")


@pytest.mark.parametrize("grant", ["implicit", "PASSWORD", "urn:ietf:params:oauth:grant-type:saml"])
async def test_an_unknown_grant_type_is_unsupported(
    client: httpx.AsyncClient, backend: Party, grant: str
) -> None:
    """§5.2, §4.5: unsupported_grant_type."""
    assert_refused(await backend.token(client, grant), "unsupported_grant_type")


@pytest.mark.parametrize("grant", [grant for grant in Grant if grant is not Grant.REFRESH_TOKEN])
async def test_a_grant_that_the_client_may_not_use_is_refused(
    client: httpx.AsyncClient, world: World, grant: Grant
) -> None:
    """§5.2: unauthorized_client, whatever else the request holds or lacks."""
    await world.user()
    await world.client("portal", grants=[Grant.REFRESH_TOKEN])

    answer = await Party("portal").token(client, grant, username="alice", password=PASSWORD)

    assert_refused(answer, "unauthorized_client")


async def test_a_refused_basic_client_is_challenged_for_basic(
    client: httpx.AsyncClient, backend: Party
) -> None:
    """§5.2: 401 MUST, with WWW-Authenticate matching the scheme that the client used."""
    answer = await exchange(client, "client_credentials", headers=basic("backend", "wrong"))

    assert_refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("client_id", ["nobody", "backend"])
async def test_an_unknown_client_and_a_wrong_secret_are_answered_alike(
    client: httpx.AsyncClient, backend: Party, client_id: str
) -> None:
    """§5.2: invalid_client for unknown client, no authentication and unsupported method."""
    answer = await exchange(
        client, "client_credentials", client_id=client_id, client_secret="wrong"
    )

    assert_refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"]
    assert answer.json()["detail"] == "Authentication failed"


async def test_a_request_of_no_client_is_an_invalid_client(client: httpx.AsyncClient) -> None:
    """§5.2: invalid_client where no client authentication is included."""
    assert_refused(await exchange(client, "client_credentials"), "invalid_client", 401)


# §10 Security


async def test_codes_and_refresh_tokens_have_256_random_bits(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§10.10: the probability of guessing MUST be at most 2^-128."""
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    tokens = (await portal.redeem(client, code, pkce)).json()

    assert len(base64.urlsafe_b64decode(code + "=")) == 32
    assert len(base64.urlsafe_b64decode(tokens["refresh_token"].removeprefix("vsr_") + "==")) == 64


async def test_a_form_of_another_page_gives_no_consent(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§10.12: the server MUST implement CSRF protection for its authorization endpoint."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    await client.get((await sign_in_page(client, url)).headers["location"])

    answer = await client.post(url, data={"action": "approve", "form_token": "0" * 64})

    assert answer.status_code == 403
    assert "location" not in answer.headers


async def test_nobody_consents_in_a_frame(client: httpx.AsyncClient, portal: Party) -> None:
    """§10.13: x-frame-options against clickjacking."""
    page = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")

    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_an_answer_leads_to_the_registered_place_and_nowhere_else(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§10.15: the authorization server is no open redirector."""
    location = await authorize(client, "portal", Pkce(), state="https://evil.example/?")

    assert urlsplit(location).netloc == "app.example.org"
