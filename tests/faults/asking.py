"""Requests to any of the servers, and what the ledger is told of them."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.e2e.server import Server
from tests.faults.ledger import Ledger, Line

LOGIN = "/api/v1/auth/login"
PATIENCE = 15.0
"""Seconds after which an answer counts as never coming: three times the database's timeout."""
AFTER = 0.02
"""Seconds that somebody waits after a failure."""
CONNECTIONS = 12
WRONG = 401
"""How a password is refused."""


def claims_of(access_token: str) -> dict[str, Any]:
    """What an access token says."""
    body = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


class Asking:
    """Asks the servers, and writes down what they have promised."""

    client: httpx.AsyncClient
    browser: httpx.AsyncClient
    """Another one, that keeps cookies."""

    def __init__(self, servers: Sequence[Server], *, seed: int = 1) -> None:
        self.servers = servers
        self.ledger = Ledger()
        self.random = random.Random(seed)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """While the block lasts requests can be sent."""
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with (
            httpx.AsyncClient(timeout=PATIENCE, limits=limits) as self.client,
            httpx.AsyncClient(timeout=PATIENCE, limits=limits) as self.browser,
        ):
            yield

    async def post(
        self, path: str, *, server: Server | None = None, **sent: Any
    ) -> httpx.Response | None:
        """Ask one of the servers; None where no whole answer came back."""
        return await self.ask(self.client, "POST", path, server=server, **sent)

    async def ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        server: Server | None = None,
        **sent: Any,
    ) -> httpx.Response | None:
        """The same by any method."""
        url = (server or self.random.choice(self.servers)).url + path
        began = time.monotonic()
        try:
            return await client.request(method, url, **sent)
        except httpx.TimeoutException:
            self.ledger.wrong.append(f"{path}: no answer within {PATIENCE} s")
        except httpx.TransportError:
            pass
        finally:
            self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - began)
        self.ledger.unknown += 1
        return None

    def signed_in(self, answer: httpx.Response) -> tuple[Line, str]:
        """The session that a login has begun, and its access token."""
        tokens = answer.json()
        line = Line(claims_of(tokens["access_token"])["sid"], tokens["refresh_token"])
        self.ledger.lines.append(line)
        self.ledger.note(answer, "login")
        return line, tokens["access_token"]
