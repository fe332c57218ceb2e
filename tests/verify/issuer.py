"""An issuer that speaks the RFCs, counts what it is asked, and can be broken."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.world import FakeClock
from vestibule.verify import Verifier

ISSUER = "https://auth.example.org"
AUDIENCE = "https://api.example.org"
API_KEY = "vst_" + "0" * 22 + "_" + "s" * 49

Key = ECKey | OKPKey | RSAKey


class Registry(jws.JWSRegistry):
    """Signs whatever a forger wants signed."""

    max_header_length = 10_000

    def check_header(self, header: Mapping[str, Any]) -> None:
        """Nothing is refused."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def b64(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(header: dict[str, Any], claims: dict[str, Any] | bytes, key: Key) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(header, payload, key, registry=Registry())


def signed_raw(header: bytes, payload: bytes, key: Key) -> str:
    """The same for a header that is no dict."""
    content = f"{b64(header)}.{b64(payload)}"
    signature = jws.JWSRegistry.algorithms["ES256"].sign(content.encode(), key)
    return f"{content}.{b64(signature)}"


@dataclass
class Issuer:
    """What stands at `ISSUER`: metadata, keys, introspection."""

    clock: FakeClock
    keys: dict[str, Key] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "max-age=300"})
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Paths, in turn."""
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    active: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is said of tokens, by token; others are not active."""
    broken: bool = False
    jwks: bytes | None = None
    """What is served in place of the keys."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it."""

    def __post_init__(self) -> None:
        self.gate.set()
        self.keys = self.keys or {"first": ECKey.generate_key("P-256")}
        self.metadata = {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
            "introspection_endpoint": f"{ISSUER}/oauth2/introspect",
            **self.metadata,
        }

    def count(self, path: str) -> int:
        return sum(path in asked for asked in self.asked)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if not self.gate.wait(timeout=20):
            raise AssertionError("nobody opened the gate")
        if self.broken:
            return httpx.Response(503)
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json=self.metadata)
        if request.url.path == "/.well-known/jwks.json":
            content = self.jwks if self.jwks is not None else self._jwks()
            return httpx.Response(200, content=content, headers=self.headers)
        if request.url.path == "/oauth2/introspect" and request.method == "POST":
            form = parse_qs(request.content.decode())
            self.forms.append(form)
            self.authorization.append(request.headers["authorization"])
            told = self.active.get(form["token"][0])
            return httpx.Response(200, json={"active": False} if told is None else told)
        return httpx.Response(404)

    async def aanswer(self, request: httpx.Request) -> httpx.Response:
        while not self.gate.is_set():  # noqa: ASYNC110  (threads open it too)
            await asyncio.sleep(0)
        return self.answer(request)

    def _jwks(self) -> bytes:
        keys = [public(key, kid) for kid, key in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    def verifier(self, **options: Any) -> Verifier:
        values: dict[str, Any] = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "clock": self.clock,
            "client": httpx.Client(transport=httpx.MockTransport(self.answer)),
            "async_client": httpx.AsyncClient(transport=httpx.MockTransport(self.aanswer)),
        }
        return Verifier(**(values | options))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "portal",
            "iat": now,
            "exp": now + 900,
            "jti": "one",
            "auth_time": now,
            "scope": "openid projects:write",
            "org_id": "0190",
            "org_key": "acme",
            "org_role": "member",
            "sid": "session",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, *, kid: str | None = None, **changes: Any) -> str:
        kid = kid or list(self.keys)[-1]
        key = self.keys[kid]
        header = {"alg": algorithm_of(key), "typ": "at+jwt", "kid": kid}
        return signed(header, self.claims(**changes), key)


def algorithm_of(key: Key) -> str:
    return {"EC": "ES256", "RSA": "RS256", "OKP": "Ed25519"}[key.key_type]


def public(key: Key, kid: str) -> dict[str, Any]:
    return dict(key.as_dict(private=False, kid=kid, alg=algorithm_of(key), use="sig"))


class Holder:
    """A client with a key of its own, that proves it (RFC 9449)."""

    def __init__(self, clock: FakeClock, key: Key | None = None) -> None:
        self.clock = clock
        self.key = key or ECKey.generate_key("P-256")
        self._count = 0

    @property
    def cnf(self) -> dict[str, str]:
        return {"jkt": self.key.thumbprint()}

    def proof(
        self,
        token: str,
        *,
        method: str = "GET",
        url: str = "https://api.example.org/projects",
        header: dict[str, Any] | None = None,
        key: Key | None = None,
        **changes: Any,
    ) -> str:
        self._count += 1
        fields = {
            "typ": "dpop+jwt",
            "alg": algorithm_of(self.key),
            "jwk": self.key.as_dict(private=False),
            **(header or {}),
        }
        claims = {
            "htm": method,
            "htu": url,
            "iat": int(self.clock.now),
            "jti": f"proof{self._count}",
            "ath": b64(hashlib.sha256(token.encode()).digest()),
        }
        told = {name: value for name, value in (claims | changes).items() if value is not None}
        return signed(fields, told, key or self.key)
