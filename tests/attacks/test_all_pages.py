"""What the browser is told of every page: no frame, no cache, no script beside a password."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.attacks.forms import EXPORT, Form, configuration, furnish
from tests.attacks.house import CONSENT, House
from tests.attacks.reading import Reading
from vestibule.pages.api_reference import PATH as DOCS
from vestibule.pages.routes import PageRoute
from vestibule.pages.static_files import PREFIX as STATIC
from vestibule.routers import page_routes
from vestibule.wiring import Services

pytestmark = pytest.mark.once

NAMED = {
    "org": "acme", "client_id": "portal", "directory": "corp", "user_id": "{bob}",
    "import_id": "{job}",
}  # fmt: skip
"""What there is, by the parameters of paths."""
MORE = (
    CONSENT, f"{CONSENT}&prompt=none", "/login/device?code={code}", "/login/device?code=none",
    "/invitation?token={token}", "/reset?token=x", "/admin/users?search=a",
    f"{EXPORT}?format=jsonl", f"{EXPORT}?since=tomorrow", "/organizations/nowhere",
    "/admin/users/nobody", "/login/directory/corp/callback?code=x&state=y",
)  # fmt: skip
REFUSED = {
    "/account/password": {"action": "change", "new_password": "x"},
    "/admin/users/new": {"action": "create"},
    "/admin/users/{bob}": {"action": "password", "password": "x"},
    "/admin/directories/new": {"action": "create", "configuration": "{"},
    "/admin/directories/corp": {"action": "save", "configuration": configuration("else")},
}
"""Forms that are shown again with the reason, on pages that ask for a password."""


@pytest.fixture
async def inside(inside: House) -> House:
    """With what the forms are about."""
    await furnish(inside)
    return inside


def paths(services: Services) -> set[str]:
    """The addresses of all pages, with what there is in them."""
    routes = [route for route in page_routes(services) if isinstance(route, PageRoute)]
    return {route.path.format(**NAMED) for route in routes}


async def answers(inside: House) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Every page as everybody is shown it, and what comes of forms that can't be taken."""
    places = sorted(paths(inside.services))
    for who in ("anybody", "alice", "root"):
        browser = inside.browsers[who]
        for place in [*places, *MORE]:
            address = place.format(**inside.ids)
            yield f"{who} GET {place}", await browser.get(address)
            for name, sent in (
                ("nothing", b""), ("noise", b"\xff"), ("a foreign form", b"action=x&form_token=x"),
                ("a sign-in", b"action=sign_in&username=x&password=x"),
            ):  # fmt: skip
                content = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = await browser.post(address, content=sent, headers=content)
                yield f"{who} POST {place} {name}", answer
    for place, fields in REFUSED.items():
        who = "alice" if place.startswith("/account") else "root"
        address = place.format(**inside.ids)
        token = await Form(who, place).token(inside)
        answer = await inside.browsers[who].post(address, data={**fields, "form_token": token})
        assert answer.status_code == 422, answer.text
        yield f"{who} POST {place} refused", answer


async def test_no_page_can_be_framed_or_cached_or_scripted_from_elsewhere(inside: House) -> None:
    statuses = set()
    async for name, answer in answers(inside):
        path = answer.request.url.path
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert "access-control-allow-origin" not in answer.headers, name
        if answer.headers.get("content-type") == "application/json":
            # What is no request of a page is answered to programs: there is nothing to press.
            assert answer.status_code == 405, name
            continue
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), name
        assert "frame-ancestors 'none'" in policy, name
        if path.startswith((f"{STATIC}/", f"{DOCS}/")):
            assert "sandbox" in policy, name
            continue
        assert answer.headers["x-frame-options"] == "DENY", name
        assert answer.headers["cache-control"] == "no-store", name
        assert "base-uri 'none'" in policy, name
        assert "http" not in policy.replace("https://app.example.org", ""), name
        if path != DOCS:
            assert "unsafe-" not in policy, name
        statuses.add(answer.status_code)

    assert statuses >= {200, 303, 400, 401, 403, 404, 422}


async def test_no_page_that_asks_for_a_password_runs_a_script(inside: House) -> None:
    """Also when its form was refused; and those that run any run ours."""
    asking, scripted = set(), set()
    async for name, answer in answers(inside):
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        reading = Reading(answer.text)
        allowed = "script-src" in answer.headers["content-security-policy"]
        path = answer.request.url.path
        if reading.password_fields:
            asking.add(path)
            assert not allowed, name
            assert not reading.scripts, name
        if path != DOCS:
            assert reading.foreign == [], name
            assert allowed == bool(reading.scripts), name
        if allowed:
            scripted.add(path)

    expected = {place.format(**inside.ids) for place in REFUSED}
    assert asking >= expected | {"/account", "/admin"}
    assert scripted >= {"/account", "/admin", "/admin/users"}
