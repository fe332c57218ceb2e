"""Which organization a request is for: the one of its token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from vestibule.audit.service import Attempt
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, AuthenticationFailed
from vestibule.guard.service import Guard
from vestibule.http.visit import Visit, visit_of
from vestibule.orgs.models import Organization
from vestibule.scim import repository
from vestibule.scim.models import ScimToken
from vestibule.scim.tokens import digest_of, parse
from vestibule.storage.database import Database

USED_EVERY = timedelta(hours=1)
"""How exactly it is kept when a token was used last."""
NOBODY = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Tenant:
    """An identity provider that has proved itself."""

    token: ScimToken
    organization: Organization
    visit: Visit

    def attempt(self, event: str) -> Attempt:
        """The beginning of a row in the trail."""
        return Attempt(
            event=event,
            address=self.visit.address,
            network=self.visit.network,
            request_id=self.visit.request_id,
            client_id=f"scim:{self.token.id.hex}",
            org_id=self.organization.id,
        )


class Tenants:
    """Knows the tokens of identity providers."""

    def __init__(self, *, database: Database, guard: Guard, clock: Clock) -> None:
        self._database = database
        self._guard = guard
        self._clock = clock

    async def of(self, request: Request) -> Tenant:
        """Who asks, by the bearer token (RFC 7644 §2, RFC 6750 §2.1).

        Raises `AuthenticationFailed`, `AccessForbidden` where the organization is suspended,
        `UpgradeRequired`, `RateLimited`.
        """
        visit = visit_of(request)
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        await self._guard.require_few_failures(visit.network)
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        token_id = parse(text.strip()) if scheme.lower() == "bearer" else None
        found = None
        if token_id is not None:
            found = await self._database.read(
                lambda c: repository.token_and_organization(c, token_id)
            )
        known = hmac.compare_digest(digest_of(text.strip()), found[0].digest if found else NOBODY)
        now = utc(self._clock)
        if found is None or not known or not _is_good(found[0], now=now):
            await self._guard.failed(visit.network)
            raise AuthenticationFailed(cause="scim_token")
        token, organization = found
        if not organization.is_active:
            raise AccessForbidden("This organization is suspended", cause="org_suspended")
        if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
            await self._database.write(lambda c: repository.touch_token(c, token.id, now=now))
        return Tenant(token, organization, visit)


def _is_good(token: ScimToken, *, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)
