"""`client_credentials` (RFC 6749 §4.4): a client for itself, without a person."""

from __future__ import annotations

from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.clients.models import Client
from vestibule.clients.scopes import requested_scopes
from vestibule.clients.service import require_organization
from vestibule.errors import AccessForbidden
from vestibule.issuing.service import Issued
from vestibule.oauth.grants import TokenRequest
from vestibule.orgs.models import Organization
from vestibule.orgs.service import Organizations
from vestibule.tokens.service import Tokens
from vestibule.tokens.subject import Subject

PERSONAL = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that speak of a person, and so mean nothing here."""


class ClientCredentialsGrant:
    """The client's own credentials."""

    def __init__(self, *, tokens: Tokens, organizations: Organizations, audit: Audit) -> None:
        self._tokens = tokens
        self._organizations = organizations
        self._audit = audit

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`. No refresh token goes along (§4.4.3)."""
        client, attempt = request.client, request.attempt
        scopes, key = requested_scopes(client, request.form.scope)
        organization = await self._organization(client, key)
        attempt.org_id = organization.id if organization else None
        subject = Subject(
            user_id=None,
            client_id=client.client_id,
            scope=" ".join(sorted(scopes - PERSONAL)),
            org_id=organization.id if organization else None,
            org_key=organization.key if organization else None,
            jkt=request.jkt,
        )
        access_token = await self._tokens.access_token(subject)
        await self._audit.record(
            self._audit.event(attempt, result=Result.SUCCESS, cause="token_issued", status=200)
        )
        return Issued(
            access_token=access_token,
            expires_in=self._tokens.access_lifetime,
            scope=subject.scope,
            token_type="DPoP" if request.jkt else "Bearer",
        )

    async def _organization(self, client: Client, key: str | None) -> Organization | None:
        """The organization asked for, else the only one that the client may enter, if any."""
        allowed = client.organizations or frozenset()
        if key is None:
            if len(allowed) != 1:
                return None
            (key,) = allowed
        # A client belongs to no organization by itself: it enters those that it was given.
        require_organization(client, key)
        if key not in allowed:
            raise AccessForbidden("This client may not enter this organization", cause="client_org")
        organization = await self._organizations.get(key)
        if not organization.is_active:
            raise AccessForbidden("This organization is suspended", cause="org_suspended")
        return organization
