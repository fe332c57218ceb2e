"""A browser in which somebody is signed in, and a client that is sent codes through it."""

from __future__ import annotations

import time

import httpx

from tests.e2e.server import Server
from tests.faults.asking import Asking
from tests.faults.proofs import Once
from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query, hidden, query_of

NAME = "app"


class Browser:
    """What it is sent to is registered with a service, and with every other on its database."""

    def __init__(self, server: Server, *, username: str, password: str) -> None:
        grants = ("--grant", "authorization_code", "--grant", "refresh_token")
        # The platform's own: nobody is asked to consent.
        own = ("--kind", "public", "--first-party", "--redirect-uri", CALLBACK)
        server.cli("client", "create", NAME, *grants, *own)
        self._form = {"action": "sign_in", "username": username, "password": password}

    async def fresh(self, asking: Asking) -> Once | None:
        """A code that nobody has redeemed yet; None where none came."""
        pkce = Pkce()
        made_at = time.time()
        answer = await self._authorize(asking, f"{AUTHORIZE}?{authorization_query(NAME, pkce)}")
        if answer is None:
            return None
        code = query_of(answer.headers.get("location", "")).get("code")
        if code is None:
            asking.ledger.refused_page("code", answer)
            return None
        asking.ledger.note(answer, "authorize")
        fields = {
            "grant_type": "authorization_code",
            "client_id": NAME,
            "code": code,
            "code_verifier": pkce.verifier,
            "redirect_uri": CALLBACK,
        }
        return Once("code", made_at, lambda: {"data": fields})

    async def _authorize(self, asking: Asking, url: str) -> httpx.Response | None:
        """Open that page, and sign in where it asks for it."""
        server = asking.random.choice(asking.servers)
        answer = await asking.ask(asking.browser, "GET", url, server=server)
        if answer is None or answer.status_code != 200:
            return answer
        form = {**self._form, "form_token": hidden(answer.text, "form_token")}
        answer = await asking.ask(asking.browser, "POST", url, server=server, data=form)
        if answer is None or answer.status_code != 303:
            return answer
        asking.ledger.note(answer, "login")
        return await asking.ask(asking.browser, "GET", url, server=server)


def renewal(refresh_token: str) -> dict[str, str]:
    """How the client goes on with what it has got for a code."""
    return {"grant_type": "refresh_token", "client_id": NAME, "refresh_token": refresh_token}
