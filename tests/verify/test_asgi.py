"""The middleware for any ASGI application."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest

from tests.verify.issuer import Holder, Issuer
from vestibule.verify import Verifier
from vestibule.verify.asgi import ProtectMiddleware, Receive, Scope, Send
from vestibule.verify.request import Excluded

BASE = "https://api.example.org"


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells what it was handed."""
    if scope["type"] == "http":
        token = scope.get("vestibule.token")
        told = token.subject if token else None
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
    else:
        await send({"type": f"{scope['type']}.reached"})


def _client(verifier: Verifier, **options: Any) -> httpx.AsyncClient:
    app = ProtectMiddleware(_echo, verifier=verifier, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_token_stands_in_the_scope(issuer: Issuer, verifier: Verifier) -> None:
    async with _client(verifier) as api:
        response = await api.get("/", headers=_bearer(issuer.token()))

    assert (response.status_code, response.json()) == (200, "alice")


async def test_without_a_token_nothing_is_reached(issuer: Issuer, verifier: Verifier) -> None:
    async with _client(verifier) as api:
        missing = await api.get("/")
        bad = await api.post("/", headers=_bearer("x.y.z"))

    assert missing.status_code == bad.status_code == 401
    assert missing.headers["www-authenticate"] == 'Bearer realm="vestibule"'
    assert 'error="invalid_token"' in bad.headers["www-authenticate"]
    assert bad.json() == {
        "code": 401,
        "detail": "Invalid access token",
        "type": "authentication_error",
    }


async def test_every_token_must_be_good_for_the_scopes_set(
    issuer: Issuer, verifier: Verifier
) -> None:
    async with _client(verifier, scopes=("projects:write",)) as api:
        good = await api.get("/", headers=_bearer(issuer.token()))
        short = await api.get("/", headers=_bearer(issuer.token(scope="openid")))

    assert (good.status_code, short.status_code) == (200, 403)
    assert short.json()["type"] == "insufficient_scope_error"


async def test_a_proof_is_for_the_address_that_was_called(
    issuer: Issuer, verifier: Verifier, holder: Holder
) -> None:
    token = issuer.token(cnf=holder.cnf)

    def headers(url: str) -> dict[str, str]:
        return {"Authorization": f"DPoP {token}", "DPoP": holder.proof(token, url=url)}

    async with _client(verifier) as api:
        good = await api.get("/a%20b?c=d", headers=headers(f"{BASE}/a%20b"))
        bad = await api.get("/a", headers=headers(f"{BASE}/b"))
    async with _client(verifier, base_url="https://public.example") as api:
        public = await api.get("/a", headers=headers("https://public.example/a"))

    assert (good.status_code, bad.status_code, public.status_code) == (200, 401, 200)


async def test_excluded_paths_are_reached_without_a_token(verifier: Verifier) -> None:
    async with _client(verifier, exclude=["/health", "/public/"]) as api:
        codes = {
            path: (await api.get(path)).status_code
            for path in ("/health", "/public/", "/public/a", "/health/", "/healthy", "/public")
        }

    assert codes == {
        "/health": 200,
        "/public/": 200,
        "/public/a": 200,
        "/health/": 401,
        "/healthy": 401,
        "/public": 401,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/public/../admin",
        "/public/./admin",
        "/public//admin",
        "/public/..\\admin",
        "/public/..",
        "//public/",
        "/PUBLIC/a",
        "public/a",
        "",
    ],
)
def test_a_path_that_could_be_read_as_another_is_never_excluded(path: str) -> None:
    assert path not in Excluded(["/public/"])


def test_excluded_paths_are_several_and_begin_with_a_slash() -> None:
    with pytest.raises(TypeError):
        Excluded("/public/")
    with pytest.raises(ValueError):
        Excluded(["public/"])
    with pytest.raises(ValueError):
        Excluded([""])


async def _connection(
    verifier: Verifier, kind: str, *, token: str | None = None, **more: Any
) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {"type": kind, "path": "/", "scheme": "wss", "headers": headers, **more}
    await ProtectMiddleware(_echo, verifier=verifier)(scope, receive, send)
    return sent


async def test_web_sockets_are_protected_too(issuer: Issuer, verifier: Verifier) -> None:
    good = await _connection(verifier, "websocket", token=issuer.token())
    bad = await _connection(verifier, "websocket")
    answered = await _connection(verifier, "websocket", extensions={"websocket.http.response": {}})

    assert good == [{"type": "websocket.reached"}]
    assert bad == [{"type": "websocket.close", "code": 1008}]
    assert [message["type"] for message in answered] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert answered[0]["status"] == 401


async def test_start_and_end_of_the_application_pass(verifier: Verifier) -> None:
    assert await _connection(verifier, "lifespan") == [{"type": "lifespan.reached"}]
