"""The way of a browser to a directory and back, on which the directory says what the test wants."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.identity.oidc.provider import Provider
from tests.oauth.flows import hidden, query_of
from vestibule.wiring import Services


async def leave(client: httpx.AsyncClient, url: str, *, token: str = "") -> dict[str, str]:
    """Ask on this page to sign in there; what the browser is to bring back."""
    form = {
        "action": "sign_in", "through": "directory", "username": "ann@corp.example",
        "form_token": token or hidden((await client.get(url)).text, "form_token"),
    }  # fmt: skip
    sent = await client.post(url, data=form)
    found = re.search(r'content="0; url=([^"]+)"', sent.text)
    assert found is not None, sent.text
    return query_of(unescape(found[1]))


async def arrive(
    client: httpx.AsyncClient, services: Services, there: Provider, sent: dict[str, str]
) -> httpx.Response:
    """Come back from there as Ann."""
    now = services.clock.time()
    there.tells(there.sign(there.claims(now, nonce=sent["nonce"], email_verified=True)))
    query = {"code": "c", "state": sent["state"]}
    return await client.get("/login/directory/corp/callback", params=query)
