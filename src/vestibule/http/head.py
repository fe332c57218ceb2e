"""HEAD wherever there is GET (RFC 9110 §9.3.2), in one place."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadLayer:
    """ASGI middleware: what is inside sees GET, what leaves has the headers alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def headers_alone(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "method": "GET"}
        try:
            await self.app(inner, receive, headers_alone)
        finally:
            if "route" in inner:  # for those outside who want to know what was asked for
                scope["route"] = inner["route"]
