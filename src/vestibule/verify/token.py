"""What an access token says, read strictly (RFC 9068 §2.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from vestibule.verify.errors import ExpiredToken, InsufficientScope, InvalidToken

_SCOPE = re.compile(r"[!#-\[\]-~]+")
"""One scope (RFC 6749 §3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token that was verified. Nothing of it can be changed: requests share it."""

    subject: str
    """`sub`: the user's id."""
    client_id: str
    scopes: frozenset[str]
    org_id: str | None = None
    org_key: str | None = None
    """The organization that the token is for, by its URL slug."""
    org_role: str | None = None
    session_id: str | None = None
    """`sid`: the session that the token came from."""
    jti: str = ""
    issued_at: int | None = None
    expires_at: int | None = None
    """Seconds since the epoch; None for an API key that does not end by itself."""
    auth_time: int | None = None
    """When the person last proved who they are."""
    cnf_jkt: str | None = None
    """The thumbprint of the key that the token is bound to (RFC 9449 §6.1)."""
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Everything that it says, lists as tuples."""

    def has_scopes(self, *scopes: str) -> bool:
        """Whether it is good for all of these."""
        return self.scopes.issuperset(scopes)

    def require_scopes(self, *scopes: str) -> None:
        """Raise `InsufficientScope` (403) unless it is good for all of these."""
        if not self.scopes.issuperset(scopes):
            raise InsufficientScope(*scopes)


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The same scopes. Raises `ValueError` for what can be none, before it gets into a header."""
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is no scope")
    return scopes


class Expectations:
    """What a token must say to be ours and in time (RFC 9068 §4)."""

    def __init__(self, *, issuer: str, audience: str, leeway: float) -> None:
        self._issuer = issuer
        self._audience = audience
        self.leeway = leeway
        """Seconds that the issuer's clock and ours may differ."""

    def read(self, claims: dict[str, Any], *, now: float) -> AccessToken:
        """The token of verified claims. Raises `InvalidToken`, or `ExpiredToken` of it.

        All that RFC 9068 §2.2 demands must be there.
        """
        if claims.get("iss") != self._issuer or not self._is_for_us(claims.get("aud")):
            raise InvalidToken
        issued = _seconds(claims, "iat")
        expires = _seconds(claims, "exp")
        not_before = _seconds(claims, "nbf")
        if issued is None or expires is None:
            raise InvalidToken
        if max(issued, not_before or issued) > now + self.leeway:
            raise InvalidToken("The access token is not valid yet")
        token = self._token(claims, issued=issued, expires=expires)
        if not token.client_id or not token.jti:
            raise InvalidToken
        # Last, so that only a token that was good in all else is called expired.
        self.check_end(token, now=now)
        return token

    def read_answer(self, answer: dict[str, Any], *, now: float) -> AccessToken:
        """The token of an introspection answer (RFC 7662 §2.2), where nearly all is optional.

        Raises `InvalidToken`, or `ExpiredToken` of it.
        """
        if "iss" in answer and answer["iss"] != self._issuer:
            raise InvalidToken
        if "aud" in answer and not self._is_for_us(answer["aud"]):
            raise InvalidToken
        token = self._token(answer, issued=_seconds(answer, "iat"), expires=_seconds(answer, "exp"))
        self.check_end(token, now=now)
        return token

    def check_end(self, token: AccessToken, *, now: float) -> None:
        """Raise `ExpiredToken` once its time is over, with leeway."""
        if token.expires_at is not None and now >= token.expires_at + self.leeway:
            raise ExpiredToken

    def _is_for_us(self, audience: object) -> bool:
        if isinstance(audience, list):
            return self._audience in audience
        return audience == self._audience

    def _token(
        self, claims: dict[str, Any], *, issued: float | None, expires: float | None
    ) -> AccessToken:
        subject = _text(claims, "sub")
        if not subject:
            raise InvalidToken
        auth_time = _seconds(claims, "auth_time")
        return AccessToken(
            subject=subject,
            client_id=_text(claims, "client_id") or "",
            scopes=frozenset((_text(claims, "scope") or "").split()),
            org_id=_text(claims, "org_id"),
            org_key=_text(claims, "org_key"),
            org_role=_text(claims, "org_role"),
            session_id=_text(claims, "sid"),
            jti=_text(claims, "jti") or "",
            issued_at=None if issued is None else int(issued),
            expires_at=None if expires is None else int(expires),
            auth_time=None if auth_time is None else int(auth_time),
            cnf_jkt=_thumbprint(claims.get("cnf")),
            claims=_frozen(claims),
        )


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidToken
    return value


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 §2); true and false are numbers to Python, and none here."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidToken
    return value


def _thumbprint(confirmation: object) -> str | None:
    if confirmation is None:
        return None
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    # Bound to a key in a way that can't be checked here (RFC 7800 §3.1): not good for anybody.
    if not isinstance(jkt, str) or not jkt:
        raise InvalidToken
    return jkt


def _frozen(value: Any) -> Any:
    """The same, so that no request can change what another one reads."""
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(item) for name, item in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value
