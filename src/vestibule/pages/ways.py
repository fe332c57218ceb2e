"""The way of a browser to an upstream directory and back.

RFC 6749 §4.1 with PKCE, from the other side: we are the client.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vestibule.clock import Clock
from vestibule.errors import AccessForbidden, NotFound
from vestibule.identity.connector import Approach
from vestibule.identity.registry import Registry
from vestibule.identity.upstream import Upstream
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.rendering import Pages

PATH = "/login/directory"
LIFETIME = 600
"""Seconds that somebody may take to sign in there."""


class Ways:
    """Sends browsers to directories, and knows them again when they come back.

    What ties the way back to the way there travels in a cookie of the browser, encrypted: nothing
    is kept for those who never come back.
    """

    def __init__(
        self, *, registry: Registry, browser: Browser, pages: Pages, clock: Clock, url: str
    ) -> None:
        """`url` is where we are, as directories know it."""
        self._registry = registry
        self._browser = browser
        self._pages = pages
        self._clock = clock
        self._url = url

    async def are_offered(self) -> bool:
        """Whether there is any directory that takes browsers."""
        upstreams = (await self._registry.current()).by_key.values()
        return any(u.browsers and u.configuration.is_active for u in upstreams)

    async def leave(self, visitor: Visitor, *, username: str, back: str) -> Response:
        """Send the browser where this name is known; `back` is where it goes on afterwards.

        Raises `NotFound` where no directory is known for the name, `BadGateway`, `GatewayTimeout`.
        """
        directories = await self._registry.current()
        upstream = directories.for_name(username) or directories.default
        if upstream is None or upstream.browsers is None:
            raise NotFound("No directory is known for this name", cause="directory_unknown")
        approach = Approach(
            redirect_uri=f"{self._url}{PATH}/{upstream.key}/callback",
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            login_hint=upstream.asked_name(username),
        )
        address = await upstream.address(approach)
        way = {
            "directory": upstream.key,
            "state": approach.state,
            "nonce": approach.nonce,
            "verifier": approach.verifier,
            "back": back,
            "visit": visitor.nonce,
            "until": self._clock.time() + LIFETIME,
        }
        # A page and no redirect: a form of ours may not end at another origin.
        response = self._pages.page(
            "directory.html", name=upstream.configuration.name, directory_address=address
        )
        self._browser.remember(response, visitor)
        return self._browser.on_a_way(response, json.dumps(way), lifetime=LIFETIME)

    async def arriving(
        self, request: Request, visitor: Visitor, key: str, *, state: str
    ) -> tuple[Upstream, Approach, str]:
        """The directory, how it was approached, and where to go on.

        Raises `AccessForbidden` for a browser that was not sent there, or too long ago.
        """
        way: dict[str, Any] = json.loads(self._browser.way(request) or "{}")
        same = hmac.compare_digest(way.get("state", "").encode(), state.encode())
        here = hmac.compare_digest(way.get("visit", "").encode(), visitor.nonce.encode())
        late = self._clock.time() >= way.get("until", 0)
        if not state or not same or not here or late or way.get("directory") != key:
            raise AccessForbidden(
                "This sign-in was not begun in this browser, or too long ago: begin it again",
                cause="directory_state",
            )
        upstream = (await self._registry.current()).active(key)
        if upstream is None or upstream.browsers is None:
            raise NotFound("Directory not found", cause="directory_unknown")
        approach = Approach(
            redirect_uri=f"{self._url}{PATH}/{key}/callback",
            state=state,
            nonce=way["nonce"],
            verifier=way["verifier"],
        )
        return upstream, approach, way["back"]
