"""The outermost layer: request id, peer, one log line a request, and no exception past it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vestibule import logs
from vestibule.clock import Clock
from vestibule.errors import ApiError, InternalError
from vestibule.http.draining import Draining
from vestibule.http.envelope import Answer
from vestibule.http.peer import Peer, resolve_peer
from vestibule.http.routes import route_of
from vestibule.ids import new_hex
from vestibule.metrics.service import NO_ROUTE, Metrics
from vestibule.settings.listening import IPNetwork

REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What a caller may choose: nothing that could forge a log line or a header."""

MAX_LOGGED_PATH = 256
SECRET_PATH = "/device/code/"  # noqa: S105  (where one stands)
"""What the contract has behind this is the device's secret, also where the rest is misspelt."""

PROBES = frozenset({"/api/v1/health", "/api/v1/ready", "/metrics"})
"""What machines ask every few seconds, of each instance: that all is well is no news."""

SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
"""On every answer that does not say otherwise itself."""


@dataclass(slots=True)
class RequestContext:
    """What every layer may know of a request besides the request itself."""

    request_id: str
    peer: Peer
    is_told: bool = False
    """Whether the log has a line already that says as much as this request's would; its time says
    nothing then, either."""


def context_of(request: Request) -> RequestContext:
    """The context that the outermost layer laid down."""
    context: RequestContext = request.scope["vestibule.context"]
    return context


class RequestContextLayer:
    """ASGI middleware around everything else, the other middleware included."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        trusted_proxies: tuple[IPNetwork, ...],
        metrics: Metrics,
        draining: Draining,
        answer: Answer,
    ) -> None:
        self.app = ErrorBoundary(app, answer=answer)
        self._clock = clock
        self._metrics = metrics
        self._draining = draining
        self._trusted = trusted_proxies
        self._log = logs.get("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = self._clock.monotonic()
        context = RequestContext(
            request_id=_request_id(scope),
            peer=resolve_peer(
                client=scope["client"][0] if scope.get("client") else None,
                scheme=scope["scheme"],
                headers=scope["headers"],
                trusted=self._trusted,
            ),
        )
        scope["vestibule.context"] = context
        status = 0

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers.append((b"x-request-id", context.request_id.encode()))
                there = {name.lower() for name, _ in headers}
                headers.extend(header for header in SAFE_HEADERS if header[0] not in there)
                if self._draining.has_begun and b"connection" not in there:
                    # The next request is to go to an instance that stays.
                    headers.append((b"connection", b"close"))
            await send(message)

        try:
            await self.app(scope, receive, send_with_context)
        finally:
            seconds = self._clock.monotonic() - started
            route = route_of(scope) or NO_ROUTE
            # The time of what was refused at the door says nothing of its route.
            timed = None if context.is_told else seconds
            self._metrics.request(route=route, method=scope["method"], status=status, seconds=timed)
            is_well = route in PROBES and 0 < status < 400
            log = self._log.debug if is_well or context.is_told else self._log.info
            log(
                "request",
                request_id=context.request_id,
                method=scope["method"],
                # Never the query: it may hold a code or a token.
                path=_logged(scope["path"]),
                route=route,
                status=status,
                milliseconds=round(1000 * seconds, 1),
                address=context.peer.address,
            )


class ErrorBoundary:
    """Turns any exception of what is inside into an answer; a defect is logged whole.

    It stands twice: around everything, and inside the CORS layer, so that a page of another
    origin can read a 500 too.
    """

    def __init__(self, app: ASGIApp, *, answer: Answer) -> None:
        self.app = app
        self._answer = answer
        self._log = logs.get("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ApiError as error:
            if started:
                raise
            await self._answer(Request(scope), error)(scope, receive, send)
        except Exception as error:
            context: RequestContext = scope["vestibule.context"]
            self._log.error("defect", request_id=context.request_id, exc_info=error)
            if started:
                raise
            await self._answer(Request(scope), InternalError())(scope, receive, send)


def _logged(path: str) -> str:
    place = path.lower().find(SECRET_PATH)
    if place >= 0:
        path = path[: place + len(SECRET_PATH)] + "…"
    return path[:MAX_LOGGED_PATH]


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            accepted: bytes = value
            return accepted.decode()
    return new_hex()
