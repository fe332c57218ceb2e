"""Whom a token speaks of, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an access token speaks of, and for what."""

    user_id: UUID | None
    """None where it speaks of the client itself (RFC 6749 §4.4)."""
    client_id: str
    scope: str
    org_id: UUID | None = None
    org_key: str | None = None
    org_role: str | None = None
    session_id: UUID | None = None
    """The session that it came from; ending that ends it."""
    auth_time: int | None = None
    """When the person proved who they are, in seconds since the epoch."""
    jkt: str | None = None
    """Thumbprint of the key that it is bound to (RFC 9449 §6.1)."""

    @property
    def sub(self) -> str:
        """The `sub` claim: the user's id, or of a client itself its id (RFC 9068 §2.2)."""
        return str(self.user_id) if self.user_id else self.client_id

    def claims(self) -> dict[str, Any]:
        """The claims that say all this, without those that there is nothing to say of."""
        claims: dict[str, Any] = {
            "sub": self.sub,
            "client_id": self.client_id,
            "scope": self.scope,
        }
        if self.auth_time is not None:
            claims["auth_time"] = self.auth_time
        if self.org_id and self.org_key:
            claims["org_id"] = str(self.org_id)
            claims["org_key"] = self.org_key
        if self.org_role:
            claims["org_role"] = self.org_role
        if self.session_id:
            claims["sid"] = str(self.session_id)
        if self.jkt:
            claims["cnf"] = {"jkt": self.jkt}
        return claims


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token of ours that was read and found genuine. Times in seconds since the epoch.

    That it is also still alive, only the database can tell.
    """

    subject: Subject
    jti: str
    issued_at: int
    expires_at: int


def subject_of(claims: dict[str, Any]) -> Subject:
    """What the claims of an access token of ours say. Raises `KeyError`, `ValueError`."""
    sub, client_id = str(claims["sub"]), str(claims["client_id"])
    org_id, session_id = claims.get("org_id"), claims.get("sid")
    return Subject(
        user_id=None if sub == client_id else UUID(sub),
        client_id=client_id,
        scope=str(claims.get("scope", "")),
        org_id=UUID(org_id) if org_id else None,
        org_key=claims.get("org_key"),
        org_role=claims.get("org_role"),
        session_id=UUID(session_id) if session_id else None,
        auth_time=claims.get("auth_time"),
        jkt=(claims.get("cnf") or {}).get("jkt"),
    )
