"""`authorization_code` (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.6)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.clock import Clock, utc
from vestibule.errors import InvalidGrant
from vestibule.issuing.approvals import Approval, Approvals
from vestibule.issuing.service import Issued, Issuer
from vestibule.oauth import repository
from vestibule.oauth.grants import TokenRequest, required
from vestibule.oauth.models import AuthorizationCode
from vestibule.sessions import repository as sessions
from vestibule.sessions.models import Session
from vestibule.sessions.service import Origin, Sessions
from vestibule.storage.database import Database

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636 §4.1."""


class AuthorizationCodeGrant:
    """The code that the browser has brought."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        sessions: Sessions,
        approvals: Approvals,
        database: Database,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._sessions = sessions
        self._approvals = approvals
        self._database = database
        self._clock = clock

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`.

        A code that comes a second time ends the session that it was exchanged for: one of the
        two is a thief's (RFC 6749 §4.1.2, RFC 9700 §4.5).
        """
        code = required(request.form.code, "code").get_secret_value()
        verifier = required(request.form.code_verifier, "code_verifier")
        redirect_uri = required(request.form.redirect_uri, "redirect_uri")
        digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
        row = await self._database.read(lambda c: repository.code_of(c, digest))
        if row is None or row.client_id != request.client.client_id:
            raise _refused("code_unknown")
        request.attempt.user_id, request.attempt.org_id = row.user_id, row.org_id
        if row.redeemed_at is not None:
            raise await self._replayed(row)
        self._require_fitting(row, request, redirect_uri, verifier)
        if row.expires_at <= utc(self._clock):
            raise _refused("code_expired")
        granted = await self._approvals.granted(
            Approval(
                user_id=row.user_id,
                org_id=row.org_id,
                scopes=frozenset(row.scope.split()),
                auth_time=row.auth_time,
                nonce=row.nonce,
                directory=row.directory,
            ),
            client=request.client,
            origin=Origin(request.visit.address, request.visit.user_agent),
            jkt=request.jkt,
            id_token=True,
        )
        try:
            return await self._issuer.begin(
                granted, request.attempt, also=_Redeem(digest, self._clock)
            )
        except _AlreadyRedeemed:
            again = await self._database.read(lambda c: repository.code_of(c, digest))
            raise await self._replayed(again or row) from None

    def _require_fitting(
        self, row: AuthorizationCode, request: TokenRequest, redirect_uri: str, verifier: SecretStr
    ) -> None:
        if redirect_uri != row.redirect_uri:
            raise _refused("redirect_uri")
        if not _fits(verifier.get_secret_value(), row.code_challenge):
            raise _refused("code_verifier")
        if row.dpop_jkt is not None and row.dpop_jkt != request.jkt:
            raise _refused("dpop_key")  # RFC 9449 §10

    async def _replayed(self, row: AuthorizationCode) -> InvalidGrant:
        if row.session_id is not None:
            session_id = row.session_id
            await self._database.write(
                lambda c: self._sessions.end(c, cause="code_replay", session_id=session_id)
            )
        return _refused("code_replay")


class _AlreadyRedeemed(Exception):
    """Another request was first, in the same instant."""


class _Redeem:
    """Redeems the code in the unit of work that begins the session."""

    def __init__(self, digest: bytes, clock: Clock) -> None:
        self._digest = digest
        self._clock = clock

    def __call__(self, connection: Connection, session: Session) -> None:
        now = utc(self._clock)
        if sessions.withdrawn(connection, user_id=session.user_id, auth_time=session.auth_time):
            raise _refused("session_ended")
        if not repository.redeem(connection, self._digest, session_id=session.id, now=now):
            raise _AlreadyRedeemed


def _fits(verifier: str, challenge: str) -> bool:
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(computed, challenge)


def _refused(cause: str) -> InvalidGrant:
    return InvalidGrant("The authorization code is not valid", cause=cause)
