"""Introspection (RFC 7662): whether a token is alive right now, and what it says."""

from __future__ import annotations

from uuid import UUID

from pydantic import SecretStr

from vestibule.apikeys.bounds import scopes_of
from vestibule.apikeys.format import PREFIX as KEY_PREFIX
from vestibule.apikeys.service import ApiKeys
from vestibule.audit.models import Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, ClientKind
from vestibule.clients.service import Clients
from vestibule.errors import AuthenticationFailed, UnauthorizedClient
from vestibule.gate.liveness import Liveness
from vestibule.metrics.service import Metrics
from vestibule.oauth.schemas import Introspection
from vestibule.orgs.models import Membership
from vestibule.orgs.service import Organizations, active_membership
from vestibule.sessions.models import SessionKind
from vestibule.sessions.refresh_tokens import PREFIX as REFRESH_PREFIX
from vestibule.sessions.service import Sessions
from vestibule.tokens.service import Tokens
from vestibule.tokens.subject import AccessToken
from vestibule.users.service import Users

INACTIVE = Introspection(active=False)
"""All that is said of a token that is not alive, or not for this client to know (§2.2)."""


class Introspector:
    """Answers for access tokens, refresh tokens and API keys."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: Sessions,
        liveness: Liveness,
        api_keys: ApiKeys,
        users: Users,
        organizations: Organizations,
        clients: Clients,
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._tokens = tokens
        self._sessions = sessions
        self._liveness = liveness
        self._api_keys = api_keys
        self._users = users
        self._organizations = organizations
        self._clients = clients
        self._audit = audit

    async def inspect(self, token: SecretStr, *, client: Client, attempt: Attempt) -> Introspection:
        """What may be said of it to this client; why it is nothing, only the trail tells.

        Raises `UnauthorizedClient` for a public client: whoever asks must have proved who it is,
        or anybody could try tokens here (§4).
        """
        if client.kind is not ClientKind.CONFIDENTIAL:
            raise UnauthorizedClient("A public client may not introspect", cause="client_public")
        try:
            answer = await self._answer(token, client, attempt)
        except _Inactive as found:
            # Nobody waits for the row: a service behind us asks at every request.
            self._audit.record_soon(
                self._audit.event(attempt, result=Result.FAILURE, cause=found.cause, status=200)
            )
            answer = INACTIVE
        self._metrics.introspected(active=answer.active)
        return answer

    async def _answer(self, token: SecretStr, client: Client, attempt: Attempt) -> Introspection:
        value = token.get_secret_value()
        if value.startswith(KEY_PREFIX):
            answer = await self._key(token, attempt)
        elif value.startswith(REFRESH_PREFIX):
            answer = await self._refresh_token(value, client, attempt)
        else:
            answer = await self._access_token(value, attempt)
        if client.organizations is not None and answer.org_key not in client.organizations:
            raise _Inactive("client_org")
        return answer

    async def _access_token(self, token: str, attempt: Attempt) -> Introspection:
        try:
            access = await self._tokens.verify(token)
        except AuthenticationFailed as error:
            raise _Inactive(error.cause) from None
        subject = access.subject
        attempt.user_id, attempt.org_id = subject.user_id, subject.org_id
        username, role = None, None
        if subject.user_id is not None:
            standing = await self._liveness.of(access)
            if standing is None:
                raise _Inactive("token_ended")
            if not standing.may_enter:
                raise _Inactive("org_unknown")
            username, role = standing.username, standing.org_role
        elif not await self._client_token_is_alive(access):
            raise _Inactive("token_ended")
        return Introspection(
            active=True,
            aud=self._tokens.audience,
            client_id=subject.client_id,
            cnf={"jkt": subject.jkt} if subject.jkt else None,
            exp=access.expires_at,
            iat=access.issued_at,
            iss=self._tokens.issuer,
            jti=access.jti,
            org_id=str(subject.org_id) if subject.org_id else None,
            org_key=subject.org_key,
            org_role=role,
            scope=subject.scope,
            sid=str(subject.session_id) if subject.session_id else None,
            sub=subject.sub,
            token_type="DPoP" if subject.jkt else "Bearer",
            username=username,
        )

    async def _client_token_is_alive(self, access: AccessToken) -> bool:
        """Whether a client's own token is not revoked, and its organization can be entered."""
        subject = access.subject
        client = await self._clients.find(subject.client_id)
        if client is None or not await self._liveness.client_token_is_alive(access):
            return False
        if subject.org_key is None:
            return True
        organization = await self._organizations.find(subject.org_key)
        return (
            organization is not None
            and organization.is_active
            and client.organizations is not None
            and organization.key in client.organizations
        )

    async def _refresh_token(self, token: str, client: Client, attempt: Attempt) -> Introspection:
        """Only its own client may know of a refresh token."""
        presented = self._sessions.refresh_tokens.parse(token)
        session = await self._sessions.get(presented.session_id) if presented else None
        if (
            presented is None
            or session is None
            or session.kind is not SessionKind.TOKEN
            or session.client_id != client.client_id
            or session.digest != presented.digest
            or not self._sessions.alive(session)
        ):
            raise _Inactive("refresh_unknown")
        attempt.user_id, attempt.org_id = session.user_id, session.org_id
        user = await self._users.get(session.user_id)
        if user is None or not user.is_active:
            raise _Inactive("user_disabled")
        own = await self._membership(user.id, session.org_id)
        if session.org_id is not None and own is None:
            raise _Inactive("org_unknown")
        return Introspection(
            active=True,
            client_id=session.client_id,
            exp=int(session.expires_at.timestamp()),
            iat=int((session.rotated_at or session.created_at).timestamp()),
            iss=self._tokens.issuer,
            org_id=str(session.org_id) if session.org_id else None,
            org_key=own.organization.key if own else None,
            scope=session.scope,
            sid=str(session.id),
            sub=str(session.user_id),
            token_type="refresh_token",  # noqa: S106
            username=user.username,
        )

    async def _key(self, key: SecretStr, attempt: Attempt) -> Introspection:
        """An API key, as if it were an access token of its owner."""
        found = await self._api_keys.authenticate(key)
        if found is None:
            raise _Inactive("api_key")
        attempt.user_id, attempt.org_id = found.user_id, found.org_id
        user = await self._users.get(found.user_id)
        if user is None or not user.is_active:
            raise _Inactive("user_disabled")
        own = await self._membership(user.id, found.org_id)
        if found.org_id is not None and own is None:
            raise _Inactive("org_unknown")
        self._api_keys.touch(found)
        return Introspection(
            active=True,
            exp=int(found.expires_at.timestamp()) if found.expires_at else None,
            iat=int(found.created_at.timestamp()),
            iss=self._tokens.issuer,
            org_id=str(found.org_id) if found.org_id else None,
            org_key=own.organization.key if own else None,
            org_role=own.role.value if own else None,
            scope=" ".join(sorted(scopes_of(found))),
            sub=str(user.id),
            token_type="api_key",  # noqa: S106
            username=user.username,
            workspace_id=str(found.workspace_id) if found.workspace_id else None,
        )

    async def _membership(self, user_id: UUID, org_id: UUID | None) -> Membership | None:
        """The user's membership of an organization that can be entered now."""
        if org_id is None:
            return None
        return active_membership(await self._organizations.memberships_of(user_id), org_id)


class _Inactive(Exception):
    """The token is not alive, or not for this client to know; `cause` is for the trail."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)
