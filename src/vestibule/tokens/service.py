"""Minting signed tokens and reading them back."""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from sqlalchemy import Connection

from vestibule.clock import Clock
from vestibule.errors import AuthenticationFailed
from vestibule.ids import new_hex
from vestibule.tokens import repository
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.subject import AccessToken, Subject, subject_of

INVALID_TOKEN = 'Bearer realm="vestibule", error="invalid_token"'  # noqa: S105
ID_TOKEN_TYPE = "JWT"  # noqa: S105
MAX_TOKEN = 8192
"""Characters of a token that are looked at; ours are far shorter."""

LEEWAY = 5
"""Seconds that the clocks of our own instances may differ."""

CACHED = 4096
"""Tokens whose signature was verified and need not be verified again."""


class Tokens:
    """Access tokens (RFC 9068), ID tokens (OpenID Connect Core §2) and other signed answers."""

    def __init__(
        self, *, keys: KeyRing, clock: Clock, issuer: str, audience: str, access_lifetime: int
    ) -> None:
        self._keys = keys
        self._clock = clock
        self.issuer = issuer
        self.audience = audience
        self.access_lifetime = access_lifetime
        self._verified: OrderedDict[str, tuple[str, AccessToken]] = OrderedDict()

    async def access_token(self, subject: Subject, *, expires_at: int | None = None) -> str:
        """A signed access token in the profile of RFC 9068 §2.

        It lives its full time, or ends at `expires_at` where that is sooner.
        """
        now = int(self._clock.time())
        claims = subject.claims()
        claims["iss"] = self.issuer
        claims["aud"] = self.audience
        claims["iat"] = now
        claims["exp"] = min(now + self.access_lifetime, expires_at or now + self.access_lifetime)
        claims["jti"] = new_hex()
        return await self._sign(claims, typ="at+jwt")

    def remaining(self, expires_at: int) -> int:
        """Seconds that a new token lives which must end at `expires_at`."""
        return min(self.access_lifetime, max(0, expires_at - int(self._clock.time())))

    async def id_token(
        self,
        subject: Subject,
        *,
        access_token: str,
        nonce: str | None,
        expires_at: int,
        profile: Mapping[str, Any],
    ) -> str:
        """An ID token for the subject's client (OpenID Connect Core §2, §3.1.3.6)."""
        now = int(self._clock.time())
        signer = await self._keys.signer()
        claims: dict[str, Any] = {
            **profile,
            "iss": self.issuer,
            "sub": subject.sub,
            "aud": subject.client_id,
            "azp": subject.client_id,
            "iat": now,
            "exp": min(now + self.access_lifetime, expires_at),
            "auth_time": subject.auth_time,
            "at_hash": _left_half(access_token, algorithm=signer.algorithm),
        }
        if subject.session_id:
            claims["sid"] = str(subject.session_id)
        if nonce is not None:
            claims["nonce"] = nonce
        return await self._sign(claims, typ=ID_TOKEN_TYPE)

    async def introspection(self, answer: Mapping[str, Any], *, audience: str) -> str:
        """An introspection answer as a signed JWT (RFC 9701 §5)."""
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "iat": int(self._clock.time()),
            "token_introspection": dict(answer),
        }
        return await self._sign(claims, typ="token-introspection+jwt")

    async def verify(self, token: str) -> AccessToken:
        """What a genuine access token of ours says (RFC 9068 §4).

        Raises `AuthenticationFailed` for everything else. The key is chosen by `kid` among our
        own and its algorithm is the stored one: nothing in the token's header is believed.
        """
        try:
            known = self._verified.get(token)
            kid = known[0] if known else _kid(token)
            found = await self._keys.verifier(kid)
            if found is None:
                raise invalid_token("token_key")
            if known is None:
                known = kid, self._decode(token, *found)
                self._remember(token, known)
            access = known[1]
            if access.expires_at + LEEWAY <= self._clock.time():
                raise invalid_token("token_expired")
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise invalid_token("token_invalid") from None
        return access

    async def hinted(self, id_token: str) -> str | None:
        """Whom an ID token of ours speaks of, expired or not; None for anything else.

        OpenID Connect Core §3.1.2.1, `id_token_hint`.
        """
        try:
            found = await self._keys.verifier(_kid(id_token))
            decoded = jwt.decode(id_token, found[1], algorithms=[found[0]]) if found else None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        if decoded is None or decoded.header.get("typ") != ID_TOKEN_TYPE:
            return None
        return str(decoded.claims["sub"])

    def revoke(self, connection: Connection, access: AccessToken) -> None:
        """End one access token before its time, within a unit of work that is under way."""
        until = datetime.fromtimestamp(access.expires_at + LEEWAY, UTC)
        repository.revoke(connection, jti=access.jti, expires_at=until)

    async def _sign(self, claims: dict[str, Any], *, typ: str) -> str:
        signer = await self._keys.signer()
        header = {"alg": signer.algorithm, "typ": typ, "kid": signer.kid}
        return jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])

    def _decode(self, token: str, algorithm: str, key: Any) -> AccessToken:
        decoded = jwt.decode(token, key, algorithms=[algorithm])
        if decoded.header.get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
            raise invalid_token("token_type")
        now = int(self._clock.time())
        registry = jwt.JWTClaimsRegistry(
            now=lambda: now,
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            client_id={"essential": True},
            jti={"essential": True},
        )
        registry.validate(decoded.claims)
        claims = decoded.claims
        return AccessToken(subject_of(claims), str(claims["jti"]), claims["iat"], claims["exp"])

    def _remember(self, token: str, known: tuple[str, AccessToken]) -> None:
        if len(self._verified) >= CACHED:
            self._verified.popitem(last=False)
        self._verified[token] = known


def invalid_token(cause: str) -> AuthenticationFailed:
    """What a token that is worth nothing is answered with (RFC 6750 §3.1)."""
    return AuthenticationFailed(
        "Invalid access token", cause=cause, challenge=INVALID_TOKEN, oauth="invalid_token"
    )


def _kid(token: str) -> str:
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise ValueError("not a compact JWS")
    header = jws.extract_compact(token.encode()).headers()
    return str(header["kid"])


def _left_half(token: str, *, algorithm: str) -> str:
    # OpenID Connect Core §3.1.3.6: the hash of the signature's algorithm; Ed25519's is SHA-512.
    digest = hashlib.new("sha512" if algorithm == "Ed25519" else "sha256", token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
