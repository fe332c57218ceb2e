"""Any ASGI application: a middleware that lets only verified tokens in.

    app = ProtectMiddleware(app, verifier=Verifier(issuer="https://auth.example.org"))

The token stands in `scope["vestibule.token"]`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

from vestibule.verify.errors import VerifyError
from vestibule.verify.request import Asked, Excluded, aauthenticate, refusal
from vestibule.verify.token import check_scopes
from vestibule.verify.verifier import Verifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PORTS = {"http": 80, "https": 443}


class ProtectMiddleware:
    """Protects all that is below it: requests and web sockets, but for excluded paths.

    Answers to CORS preflights belong above it: browsers send those without a token.
    """

    def __init__(
        self,
        app: App,
        *,
        verifier: Verifier,
        exclude: Iterable[str] = (),
        scopes: tuple[str, ...] = (),
        base_url: str | None = None,
    ) -> None:
        """`exclude`: paths that need no token; one with `/` at its end means all below it.

        `scopes` are those that every token must be good for. `base_url` is what clients call,
        where a proxy stands before us: DPoP proofs name it.
        """
        self._app = app
        self._verifier = verifier
        self._excluded = Excluded(exclude)
        self._scopes = check_scopes(scopes)
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan" or str(scope.get("path", "")) in self._excluded:
            await self._app(scope, receive, send)
            return
        asked = self._asked(scope)
        try:
            token = await aauthenticate(self._verifier, asked, scopes=self._scopes)
        except VerifyError as error:
            await _refuse(error, asked, scope, receive, send)
            return
        known = {"vestibule.token": token, "vestibule.verifier": self._verifier}
        await self._app({**scope, **known}, receive, send)

    def _asked(self, scope: Scope) -> Asked:
        fields: dict[bytes, list[str]] = {b"authorization": [], b"dpop": [], b"x-api-key": []}
        host = ""
        for name, value in scope["headers"]:
            if name in fields:
                fields[name].append(value.decode("latin-1"))
            elif name == b"host":
                host = value.decode("latin-1")
        return Asked(
            method=scope.get("method", "GET"),
            url=(self._base_url or _origin(scope, host)).rstrip("/") + _path(scope),
            authorization=fields[b"authorization"],
            dpop=fields[b"dpop"],
            api_key=fields[b"x-api-key"],
        )


def _origin(scope: Scope, host: str) -> str:
    told = str(scope.get("scheme", "http"))
    scheme = {"ws": "http", "wss": "https"}.get(told, told)
    if not host and scope.get("server"):
        name, port = scope["server"]
        host = name if port in (None, _PORTS.get(scheme)) else f"{name}:{port}"
    return f"{scheme}://{host}"


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    if raw is None:
        return quote(str(scope["path"]))
    return bytes(raw).partition(b"?")[0].decode("latin-1")


async def _refuse(
    error: VerifyError, asked: Asked, scope: Scope, receive: Receive, send: Send
) -> None:
    status, fields, body = refusal(error, scheme=asked.scheme)
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # the opening, which must be taken before it can be refused
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http.response"
    headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
