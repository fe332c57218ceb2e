"""A service of the contract that answers as a test tells it to, and counts."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qsl

import httpx

from vestibule.client import AsyncClient, Client, TokenStore

URL = "https://sign-in.example.org"
PASSWORD = "correct horse battery staple"
ORGS = [{"key": "acme", "name": "Acme"}, {"key": "other", "name": "Other"}]


class Time:
    """Time for both clients: sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class AsyncTime(Time):
    """The same, awaited."""

    async def sleep(self, seconds: float) -> None:  # type: ignore[override]
        super().sleep(seconds)


def envelope(code: int, kind: str, detail: str = "No", **headers: str) -> httpx.Response:
    return httpx.Response(
        code,
        json={"code": code, "detail": detail, "type": kind},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class FakeService:
    """Gives numbered tokens: `access-1` and `refresh-1` at login, `…-2` at the first refresh."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.seen: Counter[str] = Counter()
        self.next: deque[httpx.Response | Exception] = deque()
        """What is answered before anything else."""
        self.lifetime = 900
        self.spent: list[str] = []
        self.number = 0
        self._lock = threading.Lock()

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            self.seen[request.url.path] += 1
            if self.next:
                answer = self.next.popleft()
                if isinstance(answer, Exception):
                    raise answer
                return answer
            return self._route(request)

    def body(self, index: int = -1) -> dict[str, Any]:
        return sent(self.requests[index])

    def _route(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/api/v1/auth/login" | "/api/v1/auth/device/token":
                return self.tokens()
            case "/api/v1/auth/refresh":
                self.spent.append(sent(request)["refresh_token"])
                return self.tokens()
            case "/api/v1/auth/logout":
                return httpx.Response(204)
            case "/api/v1/auth/device/code":
                return httpx.Response(
                    200,
                    json={
                        "device_code": "device-secret",
                        "user_code": "BCDF-GHJK",
                        "verification_url": f"{URL}/login/device",
                        "verification_uri": f"{URL}/login/device",
                        "verification_uri_complete": f"{URL}/login/device?code=BCDF-GHJK",
                        "expires_in": 600,
                        "interval": 5,
                    },
                )
            case "/api/v1/user":
                return self._protected(request, {"username": "alice"})
            case "/api/v1/user/organizations":
                return self._protected(request, ORGS)
            case path:
                return self._protected(request, {"path": path})

    def _protected(self, request: httpx.Request, body: Any) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer access-{self.number}":
            return envelope(401, "authentication_error")
        return httpx.Response(200, json=body)

    def tokens(self) -> httpx.Response:
        self.number += 1
        return httpx.Response(
            200,
            json={
                "access_token": f"access-{self.number}",
                "default_org": ORGS[0],
                "expires_in": self.lifetime,
                "orgs": ORGS,
                "refresh_token": f"refresh-{self.number}",
                "scope": "openid profile",
                "token_type": "Bearer",
            },
        )


def sent(request: httpx.Request) -> dict[str, Any]:
    """The fields of a request, whichever form they were sent in."""
    if request.headers["content-type"] == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.content.decode(), strict_parsing=True))
    found: dict[str, Any] = json.loads(request.content)
    return found


def make_client(
    service: FakeService, time: Time, *, store: TokenStore | None = None, **options: Any
) -> Client:
    http = httpx.Client(transport=service.transport)
    return Client(options.pop("url", URL), http=http, clock=time, store=store, **options)


def make_async_client(
    service: FakeService, time: AsyncTime, *, store: TokenStore | None = None, **options: Any
) -> AsyncClient:
    http = httpx.AsyncClient(transport=service.transport)
    return AsyncClient(URL, http=http, clock=time, store=store, **options)
