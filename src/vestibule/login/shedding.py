"""Refusing a login before anything else is done for it, while the hashes have no room.

Under too much load most of the work would be refusals. The service would find the same a little
later, but reading the form and the way through the framework cost several times as much, and
that would be taken from the logins that are served. For the same reason nothing is raised, and
the log gets one line of it instead of two.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vestibule.audit.service import LOGIN, Audit
from vestibule.http.context import context_of
from vestibule.http.envelope import in_envelope
from vestibule.http.resting import rest
from vestibule.http.routes import Route, note_route
from vestibule.http.visit import visit_of
from vestibule.issuing.trail import attempt_of
from vestibule.passwords.pool import HashPool


class SheddingLayer:
    """An ASGI layer in front of the login. Answers 429, and leaves a row in the trail.

    The connection rests then: what it asks next is heard a moment later.
    """

    def __init__(self, app: ASGIApp, *, path: str, pool: HashPool, audit: Audit) -> None:
        self.app = app
        self._path = path
        self._route = Route(path)
        self._pool = pool
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_login = scope["type"] == "http" and scope["path"] == self._path
        if is_login and scope["method"] == "POST" and self._pool.is_full:
            await self._refuse(Request(scope))(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, request: Request) -> Response:
        rest(request.scope)
        note_route(request.scope, self._route)
        error = self._pool.refusal()
        self._audit.refused(attempt_of(visit_of(request), LOGIN), error)
        context_of(request).is_told = True
        return in_envelope(request, error)
