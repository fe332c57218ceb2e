"""The authorization endpoint and its codes: replay, injection, downgrade, wrong places."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from tests.attacks.watch import Watch
from tests.oauth.flows import (
    AUTHORIZE,
    CALLBACK,
    TOKEN,
    Pkce,
    authorization_query,
    authorize,
    basic,
    bearer,
    code_of,
    exchange,
    query_of,
)
from tests.world import FakeClock, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.wiring import Services

GRANTS = [Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN]


@pytest.fixture
async def portal(world: World) -> None:
    await world.user()
    await world.client("portal", grants=GRANTS, redirect_uris=[CALLBACK])
    await world.client("rival", grants=GRANTS, redirect_uris=[CALLBACK])


async def redeem(
    client: httpx.AsyncClient, code: str, pkce: Pkce, client_id: str = "portal", **changes: str
) -> httpx.Response:
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
        "code_verifier": pkce.verifier, "client_id": client_id, **changes,
    }  # fmt: skip
    return await client.post(TOKEN, data={name: value for name, value in fields.items() if value})


@pytest.mark.usefixtures("portal")
async def test_a_replayed_code_ends_what_it_was_exchanged_for(
    client: httpx.AsyncClient, world: World, watch: Watch
) -> None:
    _, secret = await world.client("service", kind=ClientKind.CONFIDENTIAL)
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    tokens = (await redeem(client, code, pkce)).json()
    watch.keep(code, pkce.verifier, tokens["access_token"], tokens["refresh_token"])

    again = await redeem(client, code, pkce)

    await watch.refused(again, 400, "token", "code_replay")
    assert again.json()["error"] == "invalid_grant"
    access = await client.get("/api/v1/user", headers=bearer(tokens["access_token"]))
    await watch.refused(access, 401, "access", "token_ended")
    refresh = await exchange(
        client, "refresh_token", refresh_token=tokens["refresh_token"], client_id="portal"
    )
    await watch.refused(refresh, 400, "token", "session_ended")
    told = await client.post(
        "/oauth2/introspect",
        data={"token": tokens["access_token"]},
        headers=basic("service", secret),
    )
    assert told.json() == {"active": False}


@pytest.mark.usefixtures("portal")
async def test_a_code_is_worth_nothing_to_another_client(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    watch.keep(code)

    answer = await redeem(client, code, pkce, "rival")

    await watch.refused(answer, 400, "token", "code_unknown")
    assert (await redeem(client, code, pkce)).status_code == 200


@pytest.mark.usefixtures("portal")
async def test_a_code_that_was_injected_does_not_fit_the_verifier_of_its_victim(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    attackers, victims = Pkce(), Pkce()
    code = await code_of(client, "portal", attackers)
    watch.keep(code, victims.verifier)

    answer = await redeem(client, code, victims)

    await watch.refused(answer, 400, "token", "code_verifier")


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"code_verifier": ""}, "parameter_missing"),
        ({"code_verifier": "x"}, "code_verifier"),
        ({"code_verifier": "CHALLENGE"}, "code_verifier"),
        ({"redirect_uri": ""}, "parameter_missing"),
        ({"redirect_uri": CALLBACK + "/"}, "redirect_uri"),
        ({"redirect_uri": "https://evil.example/"}, "redirect_uri"),
        ({"code": "made-up"}, "code_unknown"),
        ({"code": "\x00"}, "code_unknown"),
    ],
)
async def test_a_code_comes_with_all_that_it_was_asked_for_with(
    client: httpx.AsyncClient, watch: Watch, changes: dict[str, str], cause: str
) -> None:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    watch.keep(code, pkce.verifier)
    if changes.get("code_verifier") == "CHALLENGE":
        changes = {"code_verifier": pkce.challenge}  # what `plain` would have been

    answer = await redeem(client, **{"code": code, "pkce": pkce, **changes})  # type: ignore[arg-type]

    await watch.refused(answer, 400, "token", cause)


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S256 "},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 43 + "="},
        {"code_challenge": "x" * 42 + "\n"},
    ],
)
async def test_nobody_talks_the_server_out_of_pkce(
    client: httpx.AsyncClient, watch: Watch, changes: dict[str, str | None]
) -> None:
    query = authorization_query("portal", Pkce(), **changes)

    answer = await client.get(f"{AUTHORIZE}?{query}")

    if "\n" in (changes.get("code_challenge") or ""):
        await watch.refused(answer, 400, "authorize", "query")
        return
    await watch.refused(answer, 303, "authorize", "pkce")
    told = query_of(answer.headers["location"])
    assert told["error"] == "invalid_request"
    assert "code" not in told


TRICKS = [
    "https://app.example.org/callback/",
    "https://app.example.org/callback/../evil",
    "https://app.example.org/callback/%2e%2e/evil",
    "https://app.example.org/callback?x=1",
    "https://app.example.org/callback#fragment",
    "https://app.example.org/Callback",
    "https://APP.example.org/callback",
    "HTTPS://app.example.org/callback",
    "http://app.example.org/callback",
    "https://app.example.org:443/callback",
    "https://app.example.org:8443/callback",
    "https://app.example.org./callback",
    "https://app.example.org.evil.example/callback",
    "https://evil.example/app.example.org/callback",
    "https://app.example.org@evil.example/callback",
    "https://evil.example@app.example.org/callback",
    "https://user:pass@app.example.org/callback",
    "https://app.example.org/%63allback",
    "https://app.example.org%2fcallback",
    "https://app.example.org%00.evil.example/callback",
    "https://app.example.org\\callback",
    "https:\\\\app.example.org\\callback",
    "https:///app.example.org/callback",
    "https:app.example.org/callback",
    "//app.example.org/callback",
    "/callback",
    "https://app.example.org/callback ",
    " https://app.example.org/callback",
    "https://аpp.example.org/callback",  # noqa: RUF001  (a Cyrillic letter)
    "http://localhost:8080/callback",
    "http://[::1]/callback",
    "http://127.0.0.1:9999/Callback",
    "http://127.0.0.1:8080/callback?x=1",
    "http://127.0.0.1:8080@evil.example/callback",
    "http://127.0.0.1:@evil.example/callback",
    "http://127.0.0.1@evil.example:8080/callback",
    "http://127.0.0.1:8080.evil.example/callback",
    "http://127.0.0.1.evil.example:8080/callback",
    "http://127.0.0.1:808080/callback",
    "http://127.0.0.1:8080\\@evil.example/callback",
    "https://127.0.0.1:8080/callback",
    "http://2130706433/callback",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "",
]


@pytest.mark.parametrize("uri", TRICKS)
async def test_no_browser_is_sent_where_nobody_has_registered(
    client: httpx.AsyncClient, world: World, watch: Watch, uri: str
) -> None:
    await world.user()
    await world.client(
        "portal", grants=GRANTS, redirect_uris=[CALLBACK, "http://127.0.0.1:8080/callback"]
    )

    answer = await client.get(
        f"{AUTHORIZE}?{authorization_query('portal', Pkce(), redirect_uri=uri or None)}"
    )

    await watch.refused(answer, 400, "authorize", "redirect_uri")
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "code_challenge", "state", "scope"])
async def test_no_parameter_comes_twice(client: httpx.AsyncClient, watch: Watch, name: str) -> None:
    query = authorization_query("portal", Pkce())

    answer = await client.get(f"{AUTHORIZE}?{query}&{name}=other")

    if name in ("client_id", "redirect_uri"):
        await watch.refused(answer, 400, "authorize", "repeated_parameter")
        assert "location" not in answer.headers
    else:
        await watch.refused(answer, 303, "authorize", "repeated_parameter")
        assert query_of(answer.headers["location"])["error"] == "invalid_request"
        assert "state" not in query_of(answer.headers["location"]) or name != "state"


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("name", ["state", "nonce", "login_hint", "scope", "prompt", "max_age"])
@pytest.mark.parametrize("poison", ["%0d%0aSet-Cookie:%20a=b", "%00", "%0a", "a%7f"])
async def test_nothing_in_a_query_reaches_a_header(
    client: httpx.AsyncClient, watch: Watch, name: str, poison: str
) -> None:
    query = authorization_query("portal", Pkce(), **{name: None})

    answer = await client.get(f"{AUTHORIZE}?{query}&{name}={poison}")

    await watch.refused(answer, 400, "authorize", "query")
    assert "a=b" not in str(answer.headers)


@pytest.mark.usefixtures("portal")
async def test_state_can_not_change_where_the_answer_goes_or_what_it_says(
    client: httpx.AsyncClient,
) -> None:
    state = "x&iss=https://evil.example&code=stolen#//evil.example/?"

    location = await authorize(client, "portal", Pkce(), state=state)

    told = query_of(location)
    assert urlsplit(location)[:3] == ("https", "app.example.org", "/callback")
    assert told["state"] == state
    assert told["iss"] == "http://127.0.0.1:8000"
    assert told["code"] != "stolen"
    assert not urlsplit(location).fragment


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"scope": "openid admin"}, "scope"),
        ({"scope": "openid org:other"}, "org_unknown"),
        ({"scope": "openid org:acme\u00a0admin"}, "scope"),
        ({"response_type": "token"}, "invalid"),
        ({"response_type": "code id_token"}, "invalid"),
        ({"response_mode": "fragment"}, "invalid"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "invalid"),
        ({"request_uri": "http://169.254.169.254/latest"}, "invalid"),
    ],
)
async def test_what_may_not_be_asked_for_is_told_to_the_client_alone(
    client: httpx.AsyncClient,
    world: World,
    watch: Watch,
    changes: dict[str, str],
    cause: str,
) -> None:
    alice = await world.user()
    await world.org("acme", alice)
    await world.org("other")
    await world.client("portal", grants=GRANTS, redirect_uris=[CALLBACK])

    location = await authorize(client, "portal", Pkce(), **changes)

    assert "error" in query_of(location)
    assert "code" not in query_of(location)
    await watch.says("authorize", cause, status=303)


@pytest.mark.usefixtures("portal")
async def test_a_code_dies_with_the_password_under_which_it_was_asked_for(
    client: httpx.AsyncClient, services: Services, watch: Watch
) -> None:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    alice = await services.users.named("alice")
    await services.users.set_password(alice, SecretStr("another horse, another battery"))

    answer = await redeem(client, code, pkce)

    await watch.refused(answer, 400, "token", "session_ended")


@pytest.mark.usefixtures("portal")
async def test_a_code_dies_with_its_account(
    client: httpx.AsyncClient, services: Services, watch: Watch
) -> None:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    await services.users.update(await services.users.named("alice"), is_active=False)

    answer = await redeem(client, code, pkce)

    await watch.refused(answer, 400, "token", "user_disabled")


@pytest.mark.usefixtures("portal")
async def test_a_code_dies_of_old_age(
    client: httpx.AsyncClient, clock: FakeClock, watch: Watch
) -> None:
    pkce = Pkce()
    code = await code_of(client, "portal", pkce)
    clock.advance(61)

    answer = await redeem(client, code, pkce)

    await watch.refused(answer, 400, "token", "code_expired")
