"""Minting tokens and reading them back."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.clock import Clock, utc
from vestibule.errors import AuthenticationFailed
from vestibule.ids import new_id
from vestibule.tokens import repository
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.models import RefreshToken

INVALID_TOKEN = 'Bearer realm="vestibule", error="invalid_token"'  # noqa: S105
MAX_TOKEN = 8192
"""Characters of a token that are looked at; ours are far shorter."""

LEEWAY = 5
"""Seconds that the clocks of our own instances may differ."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an access token speaks of, and for what."""

    user_id: UUID
    client_id: str
    scope: str
    org_id: UUID | None
    org_key: str | None
    org_role: str | None


class Tokens:
    """Access tokens (RFC 9068) and refresh tokens (RFC 6749 §1.5)."""

    def __init__(
        self,
        *,
        keys: KeyRing,
        clock: Clock,
        issuer: str,
        audience: str,
        access_lifetime: int,
        refresh_lifetime: int,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self.access_lifetime = access_lifetime
        self._refresh_lifetime = timedelta(seconds=refresh_lifetime)

    async def access_token(self, subject: Subject, *, auth_time: int) -> str:
        """A signed access token in the profile of RFC 9068 §2.

        `auth_time` is when the password was checked, in seconds since the epoch.
        """
        signer = await self._keys.signer()
        now = int(self._clock.time())
        claims: dict[str, str | int] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(subject.user_id),
            "client_id": subject.client_id,
            "iat": now,
            "exp": now + self.access_lifetime,
            "jti": new_id().hex,
            "auth_time": auth_time,
            "scope": subject.scope,
        }
        if subject.org_id and subject.org_key and subject.org_role:
            claims |= {
                "org_id": str(subject.org_id),
                "org_key": subject.org_key,
                "org_role": subject.org_role,
            }
        header = {"alg": signer.algorithm, "typ": "at+jwt", "kid": signer.kid}
        return jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])

    async def verify(self, token: str) -> Subject:
        """Whom a valid access token of ours speaks of (RFC 9068 §4).

        Raises `AuthenticationFailed` for everything else. The key is chosen by `kid` among our
        own and its algorithm is the stored one: nothing in the token's header is believed.
        """
        try:
            kid = _kid(token)
            found = await self._keys.verifier(kid)
            if found is None:
                raise _invalid("unknown key")
            algorithm, key = found
            decoded = jwt.decode(token, key, algorithms=[algorithm])
            if decoded.header.get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
                raise _invalid("not an access token")
            now = int(self._clock.time())
            registry = jwt.JWTClaimsRegistry(
                now=lambda: now,
                leeway=LEEWAY,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                client_id={"essential": True},
            )
            registry.validate(decoded.claims)
            return _subject(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise _invalid("invalid token") from None

    def refresh_token(self, subject: Subject) -> tuple[SecretStr, RefreshToken]:
        """A fresh refresh token of a new family: the secret, and the row that stands for it."""
        secret = secrets.token_urlsafe(32)
        now = utc(self._clock)
        identifier = new_id()
        row = RefreshToken(
            id=identifier,
            digest=hashlib.sha256(secret.encode()).digest(),
            family_id=identifier,
            user_id=subject.user_id,
            client_id=subject.client_id,
            org_id=subject.org_id,
            scope=subject.scope,
            issued_at=now,
            expires_at=now + self._refresh_lifetime,
        )
        return SecretStr(secret), row

    def store(self, connection: Connection, token: RefreshToken) -> None:
        """Write the row within a unit of work that is under way."""
        repository.add_refresh_token(connection, token)


def _kid(token: str) -> str:
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise ValueError("not a compact JWS")
    header = jws.extract_compact(token.encode()).headers()
    return str(header["kid"])


def _subject(claims: dict[str, str]) -> Subject:
    org_id = claims.get("org_id")
    return Subject(
        user_id=UUID(claims["sub"]),
        client_id=claims["client_id"],
        scope=claims.get("scope", ""),
        org_id=UUID(org_id) if org_id else None,
        org_key=claims.get("org_key"),
        org_role=claims.get("org_role"),
    )


def _invalid(cause: str) -> AuthenticationFailed:
    return AuthenticationFailed("Invalid access token", cause=cause, challenge=INVALID_TOKEN)
