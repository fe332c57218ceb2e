"""OpenID Connect Core 1.0 and Discovery 1.0 (named "Discovery" below)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oauth.flows import (
    AUTHORIZE,
    Pkce,
    authorization_query,
    authorize,
    bearer,
    code_of,
    hidden,
    query_of,
    sign_in_page,
)
from tests.standards.parties import ISSUER, USERINFO, Party, decoded, served
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clients.models import Grant
from vestibule.settings import Settings
from vestibule.users.models import User

CONFIGURATION = "/.well-known/openid-configuration"


async def _told(client: httpx.AsyncClient, **changes: str | None) -> dict[str, str]:
    """What the client is told, without that anybody is asked."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), **changes)}"
    answer = await client.get(url)
    assert answer.status_code == 303, answer.text
    return query_of(answer.headers["location"])


# §2, §3.1.3.6 ID token


async def test_an_id_token_has_what_is_required(
    client: httpx.AsyncClient, portal: Party, alice: User, clock: FakeClock
) -> None:
    """§2: iss, sub, aud, exp, iat REQUIRED; nonce unmodified where it was sent."""
    now = int(clock.now)

    tokens = await portal.code_tokens(client, nonce="n-0S6_WzA2Mj")

    keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "portal", str(alice.id))
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (now, now + 900, now)
    assert claims["nonce"] == "n-0S6_WzA2Mj"


async def test_at_hash_is_the_left_half_of_the_access_tokens_hash(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.3.6: at_hash, by the hash of the signature's algorithm."""

    tokens = await portal.code_tokens(client)

    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    told = decoded(tokens["id_token"])[1]["at_hash"]
    assert told == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


async def test_no_nonce_in_the_request_is_none_in_the_token(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§2: nonce MUST be there if it was in the request, and is passed through."""
    assert "nonce" not in decoded((await portal.code_tokens(client))["id_token"])[1]


async def test_without_openid_there_is_no_id_token(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.1: without openid the behaviour is not that of OpenID Connect."""
    assert "id_token" not in await portal.code_tokens(client, scope="profile")


async def test_an_id_token_can_be_signed_with_rs256(settings: Settings, clock: FakeClock) -> None:
    """§15.1: servers MUST support RS256; Discovery §3: MUST be in the list then."""
    async with served(settings, clock, signing_algorithm="RS256") as (client, world):
        await world.user()
        await world.client("portal")
        answer = await Party("portal").token(
            client, "password", username="alice", password=PASSWORD
        )
        told = (await client.get(CONFIGURATION)).json()

    assert decoded(answer.json()["id_token"])[0]["alg"] == "RS256"
    assert told["id_token_signing_alg_values_supported"] == ["RS256"]


async def test_subjects_are_never_reassigned_and_short(
    client: httpx.AsyncClient, portal: Party, alice: User
) -> None:
    """§2, §8: sub is locally unique, never reassigned, at most 255 ASCII characters."""
    sub = decoded((await portal.code_tokens(client))["id_token"])[1]["sub"]

    assert sub == str(alice.id)
    assert sub.isascii()
    assert len(sub) <= 255


# §3.1.2 Authorization request


async def test_a_request_may_come_by_post(client: httpx.AsyncClient, portal: Party) -> None:
    """§3.1.2.1: servers MUST support the use of GET and POST at the authorization endpoint."""
    pkce = Pkce()
    form = dict(parse_qsl(authorization_query("portal", pkce, state="a b")))

    answer = await client.post(AUTHORIZE, data=form)
    page = await client.get(answer.headers["location"])

    assert answer.status_code == 303
    assert 'type="password"' in page.text
    assert dict(parse_qsl(answer.headers["location"].partition("?")[2])) == form


async def test_a_request_by_post_is_no_way_around_the_checks(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.2: it is validated like any other."""
    query = authorization_query("portal", Pkce(), redirect_uri="https://evil.example")
    form = dict(parse_qsl(query))

    answer = await client.post(AUTHORIZE, data=form)
    page = await client.get(answer.headers["location"])

    assert answer.headers["location"].startswith(f"{AUTHORIZE}?")
    assert page.status_code == 400


async def test_nobody_is_asked_where_the_client_wants_no_question(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.1, §3.1.2.3: with prompt=none the server MUST NOT display anything."""
    nobody = await _told(client, prompt="none")
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    await sign_in_page(client, url)
    not_yet = await _told(client, prompt="none")
    await authorize(client, "portal", Pkce())
    at_last = await _told(client, prompt="none")

    assert nobody["error"] == "login_required"
    assert not_yet["error"] == "consent_required"
    assert "code" in at_last


@pytest.mark.parametrize("prompt", ["none login", "none consent", "unheard_of"])
async def test_a_contradictory_prompt_is_an_error(
    client: httpx.AsyncClient, portal: Party, prompt: str
) -> None:
    """§3.1.2.1: none with any other value is an error."""
    assert (await _told(client, prompt=prompt))["error"] == "invalid_request"


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_a_person_signs_in_again_where_the_client_wants_that(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock, prompt: str
) -> None:
    """§3.1.2.1, §3.1.2.3: the server MUST attempt to reauthenticate; auth_time tells."""
    await authorize(client, "portal", Pkce())
    clock.advance(100)
    pkce = Pkce()

    page = await client.get(f"{AUTHORIZE}?{authorization_query('portal', pkce, prompt=prompt)}")
    code = await code_of(client, "portal", pkce, prompt=prompt)
    tokens = (await portal.redeem(client, code, pkce)).json()

    assert 'type="password"' in page.text
    assert decoded(tokens["id_token"])[1]["auth_time"] == int(clock.now)


async def test_consent_is_asked_for_again_where_the_client_wants_that(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.1: prompt=consent SHOULD prompt, though it was given before."""
    await authorize(client, "portal", Pkce())

    again = await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce())}")
    asked = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), prompt='consent')}"
    )

    assert again.status_code == 303
    assert asked.status_code == 200
    assert 'value="approve"' in asked.text


async def test_max_age_makes_a_person_sign_in_again(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.1.2.1: if the time is over, the server MUST attempt to reauthenticate; auth_time MUST."""
    await authorize(client, "portal", Pkce())
    clock.advance(100)
    pkce = Pkce()

    young_enough = await _told(client, max_age="100")
    too_old = await _told(client, max_age="99", prompt="none")
    code = await code_of(client, "portal", pkce, max_age="99")
    claims = decoded((await portal.redeem(client, code, pkce)).json()["id_token"])[1]

    assert "code" in young_enough
    assert too_old["error"] == "login_required"
    assert claims["auth_time"] == int(clock.now)


async def test_max_age_0_is_one_sign_in_and_not_a_ring(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.1.2.1: max_age=0 is prompt=login; time goes on while the browser comes back."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), max_age='0')}"

    signed_in = await sign_in_page(client, url)
    clock.advance(1)
    page = await client.get(signed_in.headers["location"])

    assert 'type="password"' not in page.text
    assert 'value="approve"' in page.text


@pytest.mark.parametrize("age", ["x", "-1", "1.5", "٣"])
async def test_a_max_age_that_is_no_number_is_an_error(
    client: httpx.AsyncClient, portal: Party, age: str
) -> None:
    """§3.1.2.2: parameters are verified."""
    assert (await _told(client, max_age=age))["error"] == "invalid_request"


async def test_what_need_not_be_understood_is_no_error(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.1, §5.2, §15.1: their use MUST NOT result in an error."""
    location = await authorize(
        client, "portal", Pkce(), display="page", ui_locales="fr-CA fr en", claims_locales="de",
        acr_values="urn:mace:incommon:iap:silver", login_hint="alice", id_token_hint="x.y.z",
        claims='{"userinfo":{"email":null}}',
    )  # fmt: skip

    assert "code" in query_of(location)


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
async def test_what_is_not_supported_is_told_by_its_name(
    client: httpx.AsyncClient, portal: Party, name: str
) -> None:
    """§3.1.2.6: request_not_supported and its like; Discovery §3 says so beforehand."""
    told = (await client.get(CONFIGURATION)).json()

    assert (await _told(client, **{name: "x"}))["error"] == f"{name}_not_supported"
    assert told["request_parameter_supported"] is False
    assert told["request_uri_parameter_supported"] is False


async def test_a_hint_at_somebody_else_gets_no_answer_about_who_is_there(
    client: httpx.AsyncClient, portal: Party, world: World
) -> None:
    """§3.1.2.2 no. 4: the server MUST NOT reply about a different user than the hinted one."""
    await world.user("bob")
    mine = (await portal.code_tokens(client))["id_token"]
    client.cookies.clear()
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"
    await sign_in_page(client, url, username="bob")

    told = await _told(client, id_token_hint=mine, prompt="none")
    page = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), id_token_hint=mine)}"
    )

    assert told["error"] == "login_required"
    assert 'type="password"' in page.text


async def test_a_hint_is_understood_after_it_has_expired(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§3.1.2.1: id_token_hint, previously issued; expired ones are what clients have."""
    mine = (await portal.code_tokens(client))["id_token"]
    clock.advance(3600)

    assert "code" in await _told(client, id_token_hint=mine, prompt="none")


# §5.3 UserInfo


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_answers_to_get_and_post(
    client: httpx.AsyncClient, portal: Party, alice: User, method: str
) -> None:
    """§5.3, §5.3.2: MUST support GET and POST; sub MUST always be there, application/json."""
    tokens = await portal.code_tokens(client)

    answer = await client.request(method, USERINFO, headers=bearer(tokens["access_token"]))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["sub"] == decoded(tokens["id_token"])[1]["sub"] == str(alice.id)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", {"sub"}),
        ("openid profile", {"sub", "preferred_username", "updated_at"}),
        ("openid email", {"sub", "email", "email_verified"}),
    ],
)
async def test_each_scope_opens_its_claims(
    client: httpx.AsyncClient, portal: Party, scope: str, names: set[str]
) -> None:
    """§5.4: profile and email; §5.3.2: what is not known SHOULD be left out, not null."""
    tokens = await portal.code_tokens(client, scope=scope)

    answer = await client.get(USERINFO, headers=bearer(tokens["access_token"]))

    assert set(answer.json()) == names


async def test_userinfo_without_a_token_is_challenged(client: httpx.AsyncClient) -> None:
    """§5.3.3, RFC 6750 §3: WWW-Authenticate, and no error code where no token was sent."""
    answer = await client.get(USERINFO)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert "error=" not in answer.headers["www-authenticate"]


async def test_userinfo_with_a_wrong_token_is_invalid_token(client: httpx.AsyncClient) -> None:
    """§5.3.3, RFC 6750 §3.1: invalid_token, 401."""
    answer = await client.get(USERINFO, headers=bearer("made-up"))

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_userinfo_without_openid_is_insufficient_scope(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """RFC 6750 §3.1: insufficient_scope, 403, and the scope that is needed."""
    token = (await portal.code_tokens(client, scope="profile"))["access_token"]

    answer = await client.get(USERINFO, headers=bearer(token))

    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="openid"' in answer.headers["www-authenticate"]


# §12.2 Refreshing


async def test_an_id_token_of_a_refresh_speaks_of_the_same_sign_in(
    client: httpx.AsyncClient, portal: Party, clock: FakeClock
) -> None:
    """§12.2: iss, sub, aud, azp MUST be the same, iat MUST be new, auth_time MUST be the first's,
    nonce SHOULD NOT be there."""
    first = await portal.code_tokens(client, nonce="n-1")
    clock.advance(1000)

    second = (await portal.refresh(client, first["refresh_token"])).json()

    before, after = decoded(first["id_token"])[1], decoded(second["id_token"])[1]
    for name in ("iss", "sub", "aud", "azp", "auth_time"):
        assert after[name] == before[name]
    assert after["iat"] == before["iat"] + 1000
    assert "nonce" not in after


# Discovery


async def test_the_configuration_is_where_clients_look(client: httpx.AsyncClient) -> None:
    """Discovery §4.2, §4.3: 200, application/json, the issuer to the letter."""
    answer = await client.get(CONFIGURATION)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["issuer"] == ISSUER


async def test_the_configuration_has_what_is_required(client: httpx.AsyncClient) -> None:
    """Discovery §3: the REQUIRED members, and claims_supported, which is RECOMMENDED."""
    told = (await client.get(CONFIGURATION)).json()

    assert {
        "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint",
        "response_types_supported", "subject_types_supported", "scopes_supported",
        "id_token_signing_alg_values_supported", "claims_supported",
    } <= set(told)  # fmt: skip
    assert "openid" in told["scopes_supported"]
    assert told["subject_types_supported"] == ["public"]


async def test_every_claim_that_is_given_is_named(client: httpx.AsyncClient, world: World) -> None:
    """Discovery §3: claims_supported."""
    await world.user("bob", first_name="Bob", last_name="Builder")
    await world.client("shop", grants=[Grant.PASSWORD], scopes=["openid", "profile", "email"])
    named: set[str] = set((await client.get(CONFIGURATION)).json()["claims_supported"])

    answer = await Party("shop").token(client, "password", username="bob", password=PASSWORD)

    claims: dict[str, Any] = decoded(answer.json()["id_token"])[1]
    assert {"name", "given_name", "family_name", "email"} <= set(claims)
    assert set(claims) <= named


async def test_the_built_in_client_gets_the_scopes_that_are_named(
    client: httpx.AsyncClient, alice: User
) -> None:
    """Discovery §3: scopes_supported."""
    named = (await client.get(CONFIGURATION)).json()["scopes_supported"]

    assert (await log_in(client, scope=" ".join(named))).status_code == 200


async def test_a_form_token_is_of_no_use_for_another_request(
    client: httpx.AsyncClient, portal: Party
) -> None:
    """§3.1.2.4: the decision is about the request that was shown."""
    url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid')}"
    page = await client.get((await sign_in_page(client, url)).headers["location"])
    form = {"action": "approve", "form_token": hidden(page.text, "form_token")}

    answer = await client.post(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope='openid email')}", data=form
    )

    assert answer.status_code == 403
