"""Refusing a login before anything else is done for it, while the hashes have no room.

Under too much load most of the work would be refusals. The service would find the same a little
later, but reading the form and the way through the framework cost several times as much, and
that would be taken from the logins that are served.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from vestibule.audit.service import Audit
from vestibule.http.resting import rest
from vestibule.http.visit import visit_of
from vestibule.issuing.trail import attempt_of
from vestibule.passwords.pool import HashPool


class SheddingLayer:
    """An ASGI layer in front of the login. Raises `RateLimited`, and leaves a row in the trail.

    The connection rests then: what it asks next is heard a moment later.
    """

    def __init__(self, app: ASGIApp, *, path: str, pool: HashPool, audit: Audit) -> None:
        self.app = app
        self._path = path
        self._pool = pool
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_login = scope["type"] == "http" and scope["path"] == self._path
        if is_login and scope["method"] == "POST" and self._pool.is_full:
            rest(scope)
            async with self._audit.following(attempt_of(visit_of(Request(scope)), "login")):
                self._pool.reserve().release()
        await self.app(scope, receive, send)
