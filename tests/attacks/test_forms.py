"""Forms that another site sends in somebody's browser: each form of each page refuses them."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from tests.attacks.forms import FORMS, Form, furnish
from tests.attacks.house import House
from tests.pages.rooms import enter
from tests.world import PASSWORD
from vestibule.pages.routes import PageRoute
from vestibule.routers import page_routes
from vestibule.wiring import Services

pytestmark = pytest.mark.once

WITHOUT_TOKEN = {"/language"}
"""Forms that anybody may send from our pages, before they have a cookie."""
EVERYTHING = [form for forms in FORMS.values() for form in forms]
TOKENS = ("", "0" * 64, "é" * 64)
HEADERS = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://127.0.0.1:9000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
NONCES = (None, "0", "0" * 32)
"""What stands in the cookie that ties forms to a browser."""


@pytest.fixture
async def inside(inside: House) -> House:
    """With what the forms are about."""
    await furnish(inside)
    inside.services.outbox.is_configured = True  # from now on links are mailed, not shown
    return inside


def cookies_with(house: House, who: str, nonce: str | None) -> dict[str, str]:
    """The cookies of a browser as a header, but another nonce."""
    kept = {cookie.name: cookie.value or "" for cookie in house.browsers[who].cookies.jar}
    del kept["vestibule-visit"]
    if nonce is not None:
        kept["vestibule-visit"] = nonce
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}


async def refused(inside: House, form: Form, token: str, **headers: str) -> None:
    """See that nothing was done, and that the person is not asked to press the button again."""
    answer = await form.send(inside, token, headers)

    assert answer.status_code == 403, (str(form), answer.status_code)
    assert "This form is too old or not ours" in answer.text, str(form)
    assert 'name="form_token"' not in answer.text
    assert not {"location", "set-cookie"} & set(answer.headers)


def test_there_is_no_form_that_is_not_tried(services: Services) -> None:
    """A new page needs an entry in the table of forms."""
    posted = {
        route.path
        for route in page_routes(services)
        if isinstance(route, PageRoute) and "POST" in (route.methods or ())
    }

    assert posted == set(FORMS) | WITHOUT_TOKEN


async def test_each_of_these_forms_is_taken_when_it_is_ours(inside: House) -> None:
    """Or the others would prove nothing."""
    for form in EVERYTHING:
        browser = inside.browsers[form.who]
        if form.who == "anybody":
            browser.cookies.clear()
        elif 'type="password"' in (await browser.get("/account")).text:
            await enter(browser, "/account", form.who, PASSWORD)

        answer = await form.send(inside, await form.token(inside))

        assert answer.status_code in form.taken, (str(form), answer.status_code, answer.text)
    await inside.services.imports.close()


@pytest.mark.parametrize("told_by", ["token", "header", "cookie"])
async def test_no_form_is_taken_that_is_not_ours(inside: House, told_by: str) -> None:
    secrets = set()
    with capture_logs() as lines:
        for form in EVERYTHING:
            own = await form.token(inside)
            secrets.add(own)
            match told_by:
                case "token":
                    for token in TOKENS:
                        await refused(inside, form, token)
                case "header":
                    for header in HEADERS:
                        await refused(inside, form, own, **header)
                case "cookie":
                    for nonce in NONCES:
                        await refused(inside, form, own, **cookies_with(inside, form.who, nonce))

    await inside.services.audit.flush()
    (last,) = await inside.services.audit.latest(limit=1)
    assert (last.event, last.cause, last.status) == ("form", "csrf", 403)
    written = f"{lines} {await inside.services.audit.latest(limit=1000)}"
    assert not [token for token in secrets if token in written]


async def test_a_token_is_good_for_its_own_form_alone(inside: House) -> None:
    """Other buttons of one page have the same token; no other page has."""
    everyones: dict[str, set[str]] = {"alice": set(), "bob": set(), "root": set(), "anybody": set()}
    for form in EVERYTHING:
        everyones[form.who].add(await form.token(inside))

    for form in EVERYTHING:
        for token in sorted(everyones[form.who] - {await form.token(inside)})[:4]:
            await refused(inside, form, token)

    assert all(len(tokens) >= 2 for tokens in everyones.values())


@pytest.mark.parametrize("headers", HEADERS)
async def test_another_site_does_not_choose_the_language(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    forged = await client.post("/language", data={"language": "de"}, headers=headers)
    own = await client.post(
        "/language",
        data={"language": "de"},
        headers={"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
    )

    assert forged.status_code == 403
    assert "set-cookie" not in forged.headers
    assert own.status_code == 303
    assert own.headers["set-cookie"].startswith("vestibule-language=de;")
