"""What people do in rooms: come in, and send the forms that they find there."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from tests.oauth.flows import hidden, sign_in_page
from tests.world import PASSWORD
from vestibule.pages.browser import Visitor
from vestibule.wiring import Services


async def enter(
    client: httpx.AsyncClient, url: str, username: str = "alice", password: str = PASSWORD
) -> httpx.Response:
    """The page at this address, for somebody who has just signed in there."""
    answer = await sign_in_page(client, url, username, password)
    assert answer.status_code == 303, answer.text
    return await client.get(answer.headers["location"])


def token_of(page: httpx.Response) -> str:
    """What the forms of a page carry."""
    return hidden(page.text[page.text.index("<main") :], "form_token")


async def send(
    client: httpx.AsyncClient, url: str, action: str, /, *, token: str = "", **fields: str
) -> httpx.Response:
    """Send a form of the page at this address, as it is shown now, or with another token."""
    token = token or token_of(await client.get(url))
    return await client.post(url, data={"action": action, "form_token": token, **fields})


async def send_anyway(
    client: httpx.AsyncClient, services: Services, path: str, action: str, /, **fields: str
) -> httpx.Response:
    """Send a form that the page does not offer, with the token that it would have."""
    session = await services.sessions.of_cookie(client.cookies["vestibule"], address="127.0.0.1")
    visitor = Visitor(client.cookies["vestibule-visit"], is_new=False, session=session)
    token = services.browser.form_token(visitor, path)
    return await send(client, path, action, token=token, **fields)


async def done(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    """What is shown after a form that was taken."""
    assert answer.status_code == 303, answer.text
    page = await client.get(answer.headers["location"])
    assert 'role="status"' in page.text
    return page.text


async def require_own_forms(client: httpx.AsyncClient, url: str, /, **fields: str) -> None:
    """See that forms of others are refused: without a token, of another page, from elsewhere."""
    own = token_of(await client.get(url))
    other = "/account" if urlsplit(url).path != "/account" else "/account/password"
    foreign = token_of(await client.get(other))
    refused: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        (foreign, {}),
        (own, {"Origin": "https://evil.example"}),
        (own, {"Sec-Fetch-Site": "cross-site"}),
    ]
    for token, headers in refused:
        answer = await client.post(url, data={"form_token": token, **fields}, headers=headers)
        assert answer.status_code == 403
        assert "This form is too old or not ours" in answer.text
        # Or the other site would fill in our form, and the person only had to press its button.
        assert 'name="form_token"' not in answer.text
