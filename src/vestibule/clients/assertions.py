"""`private_key_jwt`: a client proves itself by a signed assertion (RFC 7523 §2.2, §3)."""

from __future__ import annotations

import json
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from vestibule.clients.models import Client
from vestibule.clock import Clock
from vestibule.tokens.replays import Replays

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["ES256", "RS256", "PS256", "Ed25519", "EdDSA"]
MAX_ASSERTION = 8192
MAX_LIFETIME = 3600
"""Seconds that an assertion may live: so long it must be remembered."""
LEEWAY = 30
"""Seconds that the client's clock may differ."""


class Assertions:
    """Verifies the assertions of clients that have registered their keys."""

    def __init__(self, *, replays: Replays, clock: Clock, audiences: list[str]) -> None:
        """`audiences`: the names of this service, of which an assertion must be for one."""
        self._replays = replays
        self._clock = clock
        self._audiences = audiences

    def claimed_client(self, assertion: SecretStr) -> str | None:
        """The client that an assertion says it is of, not proved yet; None for no assertion."""
        value = assertion.get_secret_value()
        if len(value) > MAX_ASSERTION or value.count(".") != 2:
            return None
        try:
            claims: Any = json.loads(jws.extract_compact(value.encode()).payload)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            return None
        subject = claims.get("sub") if isinstance(claims, dict) else None
        return subject if isinstance(subject, str) else None

    async def prove(self, client: Client, assertion: SecretStr) -> bool:
        """Whether the client has signed it, for us, for now, and for the first time."""
        if client.jwks is None:
            return False
        now = int(self._clock.time())
        try:
            keys = KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]
            decoded = jwt.decode(assertion.get_secret_value(), keys, algorithms=ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                now=lambda: now,
                leeway=LEEWAY,
                iss={"essential": True, "value": client.client_id},
                sub={"essential": True, "value": client.client_id},
                aud={"essential": True, "values": self._audiences},
                exp={"essential": True},
                jti={"essential": True},
            )
            registry.validate(decoded.claims)
            expires_at = int(decoded.claims["exp"])
            jti = str(decoded.claims["jti"])
            iat = decoded.claims.get("iat")
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return False
        if expires_at > now + MAX_LIFETIME + LEEWAY:
            return False
        return await self._replays.first_use(
            "client assertion",
            client.client_id,
            jti,
            issued_at=iat if isinstance(iat, int | float) else None,  # it need not say (§3)
            expires_at=expires_at + LEEWAY,
        )
