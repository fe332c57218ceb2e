"""A provider that says what a test wants it to say, on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT_ID = "us"


class Provider:
    """Answers by path; a value is a JSON object, or a status with one."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.url = ""
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}

    def begin(self, url: str) -> None:
        self.url = url
        self.answers = {
            "/.well-known/openid-configuration": {
                "issuer": url,
                "token_endpoint": f"{url}/token",
                "authorization_endpoint": f"{url}/authorize",
                "userinfo_endpoint": f"{url}/userinfo",
                "jwks_uri": f"{url}/keys",
            },
            "/keys": {"keys": [self.key.as_dict(private=False)]},
            "/userinfo": (401, {}),
        }

    def claims(self, now: float, **changes: Any) -> dict[str, Any]:
        """Claims of an ID token; None leaves one out."""
        claims = {
            "iss": self.url, "sub": "ann", "aud": CLIENT_ID, "iat": int(now), "exp": int(now) + 60,
            "preferred_username": "ann", "email": "ann@corp.example", "nonce": "n", **changes,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """The ID token; None leaves a parameter of the header out."""
        fields = {"alg": "ES256", "kid": "one", "typ": "JWT", **header}
        fields = {name: value for name, value in fields.items() if value is not None}
        key: Any = self.key
        if fields["alg"] == "HS256":
            # The confusion of a public key with a secret (RFC 8725 §2.1).
            key = OctKey.import_key(json.dumps(self.key.as_dict(private=False)))
        if fields["alg"] == "none":
            payload = jwt.encode({"alg": "ES256"}, claims, self.key).split(".")[1]
            return f"eyJhbGciOiJub25lIn0.{payload}."
        return jwt.encode(fields, claims, key, algorithms=[fields["alg"]])

    def tells(self, id_token: str | None, **more: Any) -> None:
        """What the token endpoint answers."""
        body = {"access_token": "t", "token_type": "Bearer", **more}
        self.answers["/token"] = body if id_token is None else {**body, "id_token": id_token}


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    made = Provider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
        path = head.split()[1].decode()
        made.asked.append(path)
        answer = made.answers.get(path, (404, {}))
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n" % (status, len(content))
        )
        writer.write(content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.begin(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
