"""Revocation (RFC 7009), and logging out."""

from __future__ import annotations

from uuid import UUID

from pydantic import SecretStr

from vestibule.apikeys.format import PREFIX as KEY_PREFIX
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client
from vestibule.errors import AuthenticationFailed, InvalidRequest, UnauthorizedClient
from vestibule.sessions.models import SessionKind
from vestibule.sessions.refresh_tokens import PREFIX as REFRESH_PREFIX
from vestibule.sessions.service import Sessions
from vestibule.tokens.service import Tokens


class Revocation:
    """Ends tokens before their time."""

    def __init__(self, *, tokens: Tokens, sessions: Sessions, audit: Audit) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._audit = audit

    async def revoke(self, token: SecretStr, *, client: Client, attempt: Attempt) -> None:
        """End a token; what is no token, or has ended, is ended already (§2.2).

        A refresh token takes its whole session along, the access tokens too (§2.1). Raises
        `UnauthorizedClient` for another client's, and `InvalidRequest` for an API key, which its
        owner ends: nobody may believe that this has ended it (§2.2.1).
        """
        value = token.get_secret_value()
        if value.startswith(KEY_PREFIX):
            raise InvalidRequest(
                "API keys are not revoked here", cause="api_key", oauth="unsupported_token_type"
            )
        if value.startswith(REFRESH_PREFIX):
            await self._end_session(value, client=client, attempt=attempt)
        else:
            await self._end_access_token(value, client=client, attempt=attempt)

    async def log_out(self, refresh_token: SecretStr, *, attempt: Attempt) -> None:
        """End the session of a refresh token, whoever holds it; nothing where there is none."""
        await self._end_session(refresh_token.get_secret_value(), client=None, attempt=attempt)

    async def end_session(self, session_id: UUID, *, cause: str, attempt: Attempt) -> None:
        """End a session."""
        await self._audit.succeeded(
            attempt,
            cause=cause,
            status=204,
            work=lambda c: self._sessions.end(c, cause=cause, session_id=session_id),
        )

    async def _end_session(self, token: str, *, client: Client | None, attempt: Attempt) -> None:
        presented = self._sessions.refresh_tokens.parse(token)
        session = await self._sessions.get(presented.session_id) if presented else None
        if session is None or session.kind is not SessionKind.TOKEN:
            return
        attempt.user_id, attempt.org_id = session.user_id, session.org_id
        if client is not None and session.client_id != client.client_id:
            raise _not_its_own()
        if session.ended_at is None:
            cause = "logged_out" if client is None else "revoked"
            await self.end_session(session.id, cause=cause, attempt=attempt)

    async def _end_access_token(self, token: str, *, client: Client, attempt: Attempt) -> None:
        try:
            access = await self._tokens.verify(token)
        except AuthenticationFailed:
            return
        attempt.user_id, attempt.org_id = access.subject.user_id, access.subject.org_id
        if access.subject.client_id != client.client_id:
            raise _not_its_own()
        await self._audit.succeeded(
            attempt, cause="revoked", status=200, work=lambda c: self._tokens.revoke(c, access)
        )


def _not_its_own() -> UnauthorizedClient:
    return UnauthorizedClient("This token was issued to another client", cause="token_client")
