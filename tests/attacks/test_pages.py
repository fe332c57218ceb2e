"""The pages in a browser that somebody else would like to steer."""

from __future__ import annotations

import httpx
import pytest

from tests.attacks.watch import Watch
from tests.conftest import make_client
from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query, hidden, sign_in_page
from tests.world import PASSWORD, World
from vestibule.clients.models import ClientKind, Grant
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

DEVICE = "/login/device"
XSS = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


async def device_url(client: httpx.AsyncClient) -> str:
    started = (await client.post("/api/v1/auth/device/code")).json()
    return f"{DEVICE}?code={started['user_code']}"


async def consent_url(client: httpx.AsyncClient, world: World) -> str:
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK])
    return f"{AUTHORIZE}?{authorization_query('portal', Pkce())}"


async def test_a_token_is_good_in_its_own_browser_alone(
    client: httpx.AsyncClient, services: Services, world: World, watch: Watch
) -> None:
    await world.user("alice")
    await world.user("mallory")
    url = await device_url(client)
    async with make_client(services) as attacker:
        await sign_in_page(attacker, url, "mallory")
        token = hidden((await attacker.get(url)).text, "form_token")
    await sign_in_page(client, url, "alice")

    answer = await client.post(url, data={"action": "approve", "form_token": token})

    await watch.refused(answer, 403, "form", "csrf")


async def test_nobody_is_signed_in_as_somebody_else_by_a_foreign_form(
    client: httpx.AsyncClient, services: Services, world: World, watch: Watch
) -> None:
    """Login CSRF: the attacker's own name, password and form token, sent by the victim."""
    await world.user("mallory")
    async with make_client(services) as attacker:
        page = await attacker.get(DEVICE)
    await client.get(DEVICE)
    form = {
        "action": "sign_in", "form_token": hidden(page.text, "form_token"),
        "username": "mallory", "password": PASSWORD,
    }  # fmt: skip

    answer = await client.post(DEVICE, data=form)

    await watch.refused(answer, 403, "form", "csrf")
    assert "vestibule" not in client.cookies


async def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(
    client: httpx.AsyncClient, services: Services, world: World
) -> None:
    await world.user()
    planted = {"vestibule": "vsr_" + "A" * 86, "vestibule-visit": "f" * 32}
    async with make_client(services) as attacker:
        attacker.cookies.update(planted)
        page = await attacker.get(DEVICE)
    client.cookies.update(planted)
    before = hidden(page.text, "form_token")

    await client.post(DEVICE, data={
        "action": "sign_in", "form_token": before, "username": "alice", "password": PASSWORD,
    })  # fmt: skip

    async with make_client(services) as attacker:
        attacker.cookies.update(planted)
        assert 'type="password"' in (await attacker.get(DEVICE)).text
    jar = {cookie.name: cookie.value for cookie in client.cookies.jar if cookie.domain}
    assert jar["vestibule"] != planted["vestibule"]
    assert jar["vestibule-visit"] != planted["vestibule-visit"]


async def test_a_cookie_that_was_signed_out_opens_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    await sign_in_page(client, DEVICE)
    cookie = client.cookies["vestibule"]
    page = await client.get(DEVICE)
    await client.post(
        DEVICE, data={"action": "sign_out", "form_token": hidden(page.text, "form_token")}
    )

    page = await client.get(DEVICE, headers={"Cookie": f"vestibule={cookie}"})

    assert 'type="password"' in page.text


@pytest.mark.parametrize("field", ["username", "code", "login_hint"])
async def test_what_somebody_typed_is_shown_as_text(
    client: httpx.AsyncClient, world: World, field: str
) -> None:
    await world.user()
    if field == "username":
        page = await sign_in_page(client, DEVICE, XSS, "x")
    elif field == "login_hint":
        await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK])
        query = authorization_query("portal", Pkce(), login_hint=XSS)
        page = await client.get(f"{AUTHORIZE}?{query}")
    else:
        await sign_in_page(client, DEVICE)
        page = await client.get(DEVICE, params={"code": XSS})

    assert "<script>" not in page.text
    assert "<img src=x" not in page.text
    assert "49" not in page.text.split("form_token")[0]
    assert "&lt;script&gt;" in page.text or field == "code"


async def test_names_are_shown_as_text(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.user()
    await world.org("acme", alice, name=XSS)
    await world.org("beta", alice, name=f"{XSS}2")
    await world.services.clients.create(
        client_id="portal", name=XSS, kind=ClientKind.PUBLIC, scopes=["openid", "<b>x</b>"],
        grants=[Grant.AUTHORIZATION_CODE, Grant.DEVICE_CODE], redirect_uris=[CALLBACK],
    )  # fmt: skip
    await sign_in_page(client, DEVICE)
    client.headers["user-agent"] = XSS
    started = (await client.post("/api/v1/auth/device/code", json={"client_id": "portal"})).json()

    device = await client.get(f"{DEVICE}?code={started['user_code']}")
    choosing, consent = [
        await client.get(f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope=scope)}")
        for scope in (None, "org:acme <b>x</b>")
    ]

    assert "Choose an organization" in choosing.text
    assert all("&lt;b&gt;x" in page.text for page in (device, consent))
    for page in (device, choosing, consent):
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert not any(tag in page.text for tag in ("<script", "<img src=x", "<b>"))


async def test_no_page_can_be_framed_cached_or_scripted(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user()
    url = await device_url(client)
    consent = await consent_url(client, world)
    pages = [await client.get(url), await client.get(consent), await client.get(AUTHORIZE)]
    pages.append(await client.post(url, data={"action": "sign_in", "username": "x"}))
    pages.append(await sign_in_page(client, url, password="wrong"))
    pages.append(await sign_in_page(client, url))
    pages += [await client.get(url), await client.get(consent), await client.get(DEVICE)]
    pages.append(await client.get(f"{DEVICE}?code=none"))
    pages.append(await client.post(url, data={"action": "approve"}))
    pages.append(await client.post(url, data={"action": "nonsense"}))
    pages.append(await client.post(url, content=b"\xff"))

    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "base-uri 'none'" in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in page.headers


async def test_cookies_stay_with_the_browser_and_travel_sealed(
    client: httpx.AsyncClient, world: World, settings: Settings
) -> None:
    services = wire(
        settings.model_copy(update={"issuer": "https://id.example.org"}), clock=world.services.clock
    )
    await world.user()
    try:
        async with make_client(services) as browser:
            browser.base_url = httpx.URL("https://id.example.org")
            answer = await sign_in_page(browser, DEVICE)
    finally:
        await services.close()

    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-vestibule")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
        assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    "code", ["//evil.example", "https://evil.example", "\r\nX: y", "?x#y", "%0d%0aX: y", "&a=b"]
)
async def test_signing_in_leads_back_to_the_page_and_nowhere_else(
    client: httpx.AsyncClient, world: World, code: str
) -> None:
    await world.user()
    url = httpx.URL(DEVICE, params={"code": code})

    answer = await sign_in_page(client, str(url))

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{DEVICE}?code=")
    assert "\r" not in answer.headers["location"]
    assert "x" not in [name.lower() for name in answer.headers]
