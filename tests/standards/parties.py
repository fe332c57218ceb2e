"""Who takes part in a standard's test: clients, their keys, and what they must be told.

The first line of each test's docstring names the section that it holds the server to.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, Key as Jwk
from pydantic import SecretStr

from tests.conftest import make_client
from tests.oauth.flows import CALLBACK, TOKEN, Pkce, basic, code_of
from tests.world import FakeClock, World
from vestibule.settings import Settings
from vestibule.wiring import wire

ISSUER = "http://127.0.0.1:8000"
TOKEN_URL = f"{ISSUER}/oauth2/token"
INTROSPECT = "/oauth2/introspect"
REVOKE = "/oauth2/revoke"
USERINFO = "/oauth2/userinfo"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True, slots=True)
class Party:
    """A registered client."""

    client_id: str
    secret: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What it proves itself with: nothing, where it is public."""
        return basic(self.client_id, self.secret) if self.secret else {}

    @property
    def fields(self) -> dict[str, str]:
        """What it names itself with, where its headers do not."""
        return {} if self.secret else {"client_id": self.client_id}

    async def token(
        self,
        client: httpx.AsyncClient,
        grant_type: str,
        headers: dict[str, str] | None = None,
        /,
        **fields: str,
    ) -> httpx.Response:
        """A request of this client to the token endpoint."""
        sent = {**self.headers, **(headers or {})}
        form = {"grant_type": grant_type, **self.fields, **fields}
        return await client.post(TOKEN, data=form, headers=sent)

    async def code_tokens(
        self,
        client: httpx.AsyncClient,
        headers: dict[str, str] | None = None,
        /,
        **asked: str | None,
    ) -> dict[str, Any]:
        """Tokens of a person who has signed in and consented."""
        pkce = Pkce()
        code = await code_of(client, self.client_id, pkce, **asked)
        answer = await self.redeem(client, code, pkce, headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def redeem(
        self,
        client: httpx.AsyncClient,
        code: str,
        pkce: Pkce,
        headers: dict[str, str] | None = None,
        /,
        **changes: str,
    ) -> httpx.Response:
        """A code for tokens."""
        fields = {"code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier, **changes}
        return await self.token(client, "authorization_code", headers, **fields)

    async def refresh(
        self,
        client: httpx.AsyncClient,
        refresh_token: str,
        headers: dict[str, str] | None = None,
        /,
        **fields: str,
    ) -> httpx.Response:
        """A refresh token for the next tokens."""
        return await self.token(
            client, "refresh_token", headers, refresh_token=refresh_token, **fields
        )

    async def introspect(
        self, client: httpx.AsyncClient, token: str, **fields: str
    ) -> dict[str, Any]:
        """What the server says of a token."""
        form = {"token": token, **fields}
        answer = await client.post(INTROSPECT, data=form, headers=self.headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


class Holder:
    """Who holds a key, and signs with it: proofs (RFC 9449) and assertions (RFC 7523)."""

    def __init__(self, clock: FakeClock, key: Jwk | None = None, algorithm: str = "ES256") -> None:
        self.key = key or ECKey.generate_key("P-256")
        self.algorithm = algorithm
        self._clock = clock

    @property
    def public(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=False))

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        *,
        method: str = "POST",
        url: str = TOKEN_URL,
        access_token: str | None = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> dict[str, str]:
        """The `DPoP` field of a request; None takes a claim or a header parameter away."""
        claims = {"htm": method, "htu": url, "iat": int(self._clock.now), "jti": uuid4().hex}
        if access_token is not None:
            claims["ath"] = digest(access_token)
        top = {"alg": self.algorithm, "typ": "dpop+jwt", "jwk": self.public, **(header or {})}
        return {"DPoP": self.sign(_kept(top), _kept({**claims, **changes}))}

    def assertion(
        self, client_id: str, *, header: dict[str, Any] | None = None, **changes: Any
    ) -> dict[str, str]:
        """The form fields of `private_key_jwt`; None takes a claim away."""
        now = int(self._clock.now)
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": ISSUER,
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
            **changes,
        }
        signed = self.sign({"alg": self.algorithm, **(header or {})}, _kept(claims))
        return {"client_assertion": signed, "client_assertion_type": ASSERTION_TYPE}

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(header, claims, self.key, algorithms=[header["alg"]])


def digest(value: str) -> str:
    """SHA-256 in base64url, as `ath` and code challenges are made."""
    return encoded(hashlib.sha256(value.encode()).digest())


def encoded(value: bytes | dict[str, Any]) -> str:
    """base64url without padding, of bytes or of JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, claims) of a JWT, not verified."""
    header, claims, _ = token.split(".")
    return _json(header), _json(claims)


def assert_refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    """The server has said no as RFC 6749 §5.2 does, and in the canonical envelope."""
    body = answer.json()
    assert (answer.status_code, body.get("error")) == (status, error), body
    assert body["code"] == status
    assert body["detail"]
    assert body["type"].endswith("_error")
    assert body["error_description"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@asynccontextmanager
async def served(
    settings: Settings, clock: FakeClock, *, address: str = "127.0.0.1", **changes: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, World]]:
    """A client and a world on services of changed settings."""
    values = settings.model_dump() | changes
    values["secret_key"] = SecretStr("a secret key for tests, 32 characters or more")
    services = wire(Settings(**values), clock=clock)
    await services.keys.ensure()
    async with make_client(services, address=address) as client:
        yield client, World(services)
    await services.close()


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _json(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return value
