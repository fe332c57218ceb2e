"""Request bodies: whole, small and in time, or refused before anything else looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vestibule.errors import InvalidRequest

# The rest of a refused body is not worth reading: the connection ends with the answer.
CLOSE = {"Connection": "close"}
MULTIPART = b"multipart/form-data"


class BodyLimitLayer:
    """ASGI middleware that reads the body, at most `limit` bytes within `timeout` seconds.

    Files that are sent to one of the paths in `uploads` are left to its handler, which must know
    who sends them, and bound them, before it reads any. Raises `InvalidRequest` (400: the login
    contract has no 408 or 413).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: int,
        timeout: float,
        uploads: frozenset[str] = frozenset(),
        larger: Mapping[str, int] | None = None,
    ) -> None:
        """`larger` are the limits of paths that begin so."""
        self.app = app
        self._larger = dict(larger or {})
        self._uploads = uploads
        self._limit = limit
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_upload(scope):
            await self.app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        for name, value in scope["headers"]:
            if name == b"content-length" and _exceeds(value, limit):
                raise _too_large(limit)
        try:
            async with asyncio.timeout(self._timeout):
                message = await _whole(receive, limit)
        except TimeoutError:
            raise self._too_slow() from None
        if message is None:
            return  # the client went away: nobody is left to answer
        given = False

        async def replay() -> Message:
            nonlocal given
            if not given:
                given = True
                return message
            return await receive()

        await self.app(scope, replay, send)

    def _is_upload(self, scope: Scope) -> bool:
        return scope["path"] in self._uploads and any(
            name == b"content-type" and value.lower().startswith(MULTIPART)
            for name, value in scope["headers"]
        )

    def _limit_of(self, path: str) -> int:
        return next(
            (limit for start, limit in self._larger.items() if path.startswith(start)), self._limit
        )

    def _too_slow(self) -> InvalidRequest:
        return InvalidRequest(
            "The request body did not arrive in time", cause="body_too_slow", headers=CLOSE
        )


def _exceeds(content_length: bytes, limit: int) -> bool:
    return len(content_length) > 15 or int(content_length) > limit


async def _whole(receive: Receive, limit: int) -> Message | None:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return {"type": "http.request", "body": b"".join(chunks), "more_body": False}


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"The request body is larger than {limit} bytes", cause="body_too_large", headers=CLOSE
    )
