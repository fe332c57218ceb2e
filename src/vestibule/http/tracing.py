"""A span for each request. The layer stands only where traces are switched on."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vestibule.http.peer import is_trusted_peer
from vestibule.http.routes import named_method, route_of
from vestibule.settings.listening import IPNetwork
from vestibule.tracing.spans import Caller, Tracing, Value


class TracingLayer:
    """ASGI middleware outside all others, so that every log line is written within the span.

    Attributes are those of the semantic conventions for HTTP server spans, without what could
    hold a secret or a person: no `url.path`, no `url.query`, no addresses, no user agent.
    """

    def __init__(
        self, app: ASGIApp, *, tracing: Tracing, trusted_proxies: tuple[IPNetwork, ...]
    ) -> None:
        self.app = app
        self._tracing = tracing
        self._trusted = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = named_method(scope["method"])
        # The conventions have a word of their own for what isn't known.
        method = "_OTHER" if method == "other" else method
        attributes: dict[str, Value] = {
            "http.request.method": method,
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        with self._tracing.request(method, self._caller(scope), attributes) as span:
            try:
                await self.app(scope, receive, noting)
            finally:
                route = route_of(scope)
                if route is not None:
                    span.rename(f"{method} {route}")
                    span.set("http.route", route)
                context = scope.get("vestibule.context")
                if context is not None:
                    span.set("url.scheme", context.peer.scheme)
                    span.set("vestibule.request_id", context.request_id)
                if status:
                    span.set("http.response.status_code", status)
                if status >= 500:
                    span.failed(str(status))

    def _caller(self, scope: Scope) -> Caller:
        found: dict[bytes, str] = {
            name: value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        client = scope["client"][0] if scope.get("client") else None
        return Caller(
            traceparent=found.get(b"traceparent"),
            tracestate=found.get(b"tracestate"),
            trusted=is_trusted_peer(client, self._trusted),
        )
