"""`/scim/v2`: where identity providers ask (RFC 7644 §3.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vestibule.scim.tokens import PREFIX

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_RESOURCES = ("Users", "Groups")
_DISCOVERY = ("ResourceTypes", "Schemas")
ROUTES = (
    *(
        route
        for name in _RESOURCES
        for route in (
            ("GET", f"/{name}"),
            ("POST", f"/{name}/.search"),
            ("POST", f"/{name}"),
            ("GET", f"/{name}/{{resource_id}}"),
            ("PUT", f"/{name}/{{resource_id}}"),
            ("PATCH", f"/{name}/{{resource_id}}"),
            ("DELETE", f"/{name}/{{resource_id}}"),
        )
    ),
    ("GET", "/ServiceProviderConfig"),
    *(
        route
        for name in _DISCOVERY
        for route in (("GET", f"/{name}"), ("GET", f"/{name}/{{name}}"))
    ),
)
"""Method and path of each, in the order of the protocol's own."""


def router(protocol: Callable[[], APIRouter]) -> APIRouter:
    """All routes; `protocol` makes what answers, when it is asked for the first time.

    To load it takes as long as to load a third of the rest, and most never ask.
    """
    routes = APIRouter(prefix=PREFIX, include_in_schema=False)
    answering = _Answering(protocol)
    for number, (method, path) in enumerate(ROUTES):
        routes.add_api_route(path, answering.by(number), methods=[method])
    return routes


class _Answering:
    def __init__(self, protocol: Callable[[], APIRouter]) -> None:
        self._protocol = protocol
        self._handlers: list[Handler] | None = None
        self._making = asyncio.Lock()

    def by(self, number: int) -> Handler:
        async def answered(request: Request) -> Response:
            handlers = self._handlers or await self._made()
            return await handlers[number](request)

        return answered

    async def _made(self) -> list[Handler]:
        async with self._making:
            if self._handlers is None:
                # In a thread: others are answered meanwhile.
                made = await asyncio.to_thread(self._protocol)
                routes = [route for route in made.routes if isinstance(route, APIRoute)]
                self._handlers = [route.get_route_handler() for route in routes]
            return self._handlers
