"""The flows of clients, as short as a test wants to say them."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.world import PASSWORD

TOKEN = "/oauth2/token"
AUTHORIZE = "/oauth2/authorize"
CALLBACK = "https://app.example.org/callback"


@dataclass
class Pkce:
    """A verifier and its challenge (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The `Authorization` field of `client_secret_basic`."""
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def hidden(page: str, name: str, *, before: str = "") -> str:
    """The value of a hidden field; with `before`, of the last one in front of that text."""
    part = page[: page.index(before)] if before else page
    found = re.findall(rf'name="{name}" value="([^"]*)"', part)
    assert found, f"no field {name} in {page}"
    return html.unescape(found[-1] if before else found[0])


def query_of(location: str) -> dict[str, str]:
    """The parameters of a redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def authorization_query(client_id: str, pkce: Pkce, **changes: str | None) -> str:
    """The query string of an authorization request; None takes a parameter away."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "xyz",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    return urlencode({name: value for name, value in parameters.items() if value is not None})


async def sign_in_page(
    client: httpx.AsyncClient, url: str, username: str = "alice", password: str = PASSWORD
) -> httpx.Response:
    """Open a page, sign in on it, and return the answer to that form, not yet followed."""
    page = await client.get(url)
    form = {
        "action": "sign_in",
        "form_token": hidden(page.text, "form_token"),
        "username": username,
        "password": password,
    }
    return await client.post(url, data=form)


async def authorize(
    client: httpx.AsyncClient, client_id: str, pkce: Pkce, **changes: str | None
) -> str:
    """Sign in and consent where that is asked; the location that the browser is sent to."""
    url = f"{AUTHORIZE}?{authorization_query(client_id, pkce, **changes)}"
    answer = await client.get(url)
    if answer.status_code == 200 and "sign_in" in answer.text:
        answer = await sign_in_page(client, url)
        answer = await client.get(answer.headers["location"])
    if answer.status_code == 200:
        form = {"action": "approve", "form_token": hidden(answer.text, "form_token")}
        answer = await client.post(str(answer.request.url), data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def code_of(client: httpx.AsyncClient, client_id: str, pkce: Pkce, **changes: Any) -> str:
    """An authorization code."""
    return query_of(await authorize(client, client_id, pkce, **changes))["code"]


async def exchange(
    client: httpx.AsyncClient,
    grant_type: str,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """A request to the token endpoint."""
    return await client.post(TOKEN, data={"grant_type": grant_type, **fields}, headers=headers)


async def approve_device(
    client: httpx.AsyncClient, user_code: str, *, action: str = "approve"
) -> httpx.Response:
    """What a person does on the approval page."""
    url = f"/login/device?code={user_code}"
    page = await client.get(url)
    if "sign_in" in page.text and 'type="password"' in page.text:
        page = await client.get((await sign_in_page(client, url)).headers["location"])
    form = {"action": action, "form_token": hidden(page.text, "form_token")}
    return await client.post(url, data=form)
