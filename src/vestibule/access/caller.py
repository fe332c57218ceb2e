"""The caller of an authenticated route, and the seam through which routes learn who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from starlette.requests import Request

from vestibule.audit.service import Attempt
from vestibule.errors import AccessForbidden, InsufficientScope
from vestibule.http.networks import network_of

API_READ = "api:read"
"""Scope of the routes that only tell."""
API_WRITE = "api:write"
"""Scope of the routes that change something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person, as the credential that they sent lets them act.

    The account was active and the credential valid when it was looked up, for this request.
    """

    user_id: UUID
    username: str
    email_address: str | None
    email_verified: bool
    is_admin: bool
    """Whether the account may administer the service, and the credential is not confined."""
    client_id: str
    scopes: frozenset[str]
    org_id: UUID | None = None
    """The only organization that the credential opens (API keys); None for all of the user's."""
    org_keys: frozenset[str] | None = None
    """Keys of the only organizations that its client may enter; None for all."""
    workspace_id: UUID | None = None
    """The only workspace that the credential opens; None for all."""
    session_id: UUID | None = None
    """The session that the access token came from; None for an API key."""
    api_key_id: UUID | None = None
    """The API key that was sent; None for an access token."""
    address: str = "unknown"
    """Where the request came from."""
    request_id: str = ""

    def attempt(self, event: str, *, org_id: UUID | None = None) -> Attempt:
        """The beginning of a row in the trail: who tries what (at most 32 characters)."""
        return Attempt(
            event=event,
            address=self.address,
            network=network_of(self.address),
            request_id=self.request_id,
            user_id=self.user_id,
            client_id=self.client_id,
            org_id=org_id,
        )

    def require_whole(self) -> None:
        """Raise `AccessForbidden` for a credential that opens some organizations only.

        It must not speak for the whole person.
        """
        if (self.org_id, self.org_keys, self.workspace_id) != (None, None, None):
            raise AccessForbidden(
                "This credential is for some organizations only", cause="org_confined"
            )

    def require_scope(self, scope: str) -> None:
        """Raise `InsufficientScope` (403) where the credential is not good for this."""
        if scope not in self.scopes:
            raise InsufficientScope(scope)


class Authenticate(Protocol):
    """How a route learns who is calling."""

    async def __call__(self, request: Request, *, scope: str | None = None) -> Caller:
        """The person whose access token or API key the request carries.

        `Authorization: Bearer` takes both, `Authorization: DPoP` a bound access token with its
        proof, `X-API-Key` an API key. Raises `AuthenticationFailed` for everything else, and
        `InsufficientScope` where `scope` is named and the credential lacks it.
        """
        ...
