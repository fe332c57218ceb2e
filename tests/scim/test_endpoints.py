"""Where identity providers ask, and that what answers there is made when they do."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from vestibule.scim.endpoints import ROUTES, router
from vestibule.scim.tokens import PREFIX
from vestibule.wiring import Services


def test_each_route_is_answered_by_the_protocols_own(services: Services) -> None:
    made = services.provisioning.protocol()

    own = [(route.methods, route.path) for route in made.routes if isinstance(route, APIRoute)]
    assert own == [({method}, PREFIX + path) for method, path in ROUTES]


async def test_it_is_made_once_in_a_thread_and_made_again_after_a_failure() -> None:
    makers: list[threading.Thread] = []

    def protocol() -> APIRouter:
        makers.append(threading.current_thread())
        if len(makers) == 1:
            raise MemoryError
        made = APIRouter()
        for method, path in ROUTES:

            async def answered(method: str = method, path: str = path) -> str:
                return f"{method} {path}"

            made.add_api_route(path, answered, methods=[method])
        return made

    app = FastAPI()
    app.include_router(router(protocol))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        with pytest.raises(MemoryError):
            await client.get(f"{PREFIX}/Users")
        second, third = await asyncio.gather(
            client.get(f"{PREFIX}/ServiceProviderConfig"),
            client.post(f"{PREFIX}/Groups/.search"),
        )

    assert (second.json(), third.json()) == ("GET /ServiceProviderConfig", "POST /Groups/.search")
    assert len(makers) == 2
    assert threading.main_thread() not in makers
