"""The road of a login, one way, no turning back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.audit.models import Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, Grant
from vestibule.clients.service import (
    Clients,
    requested_scopes,
    require_grant,
    require_organization,
)
from vestibule.clock import Clock
from vestibule.errors import AccessForbidden, AuthenticationFailed
from vestibule.guard.service import Guard
from vestibule.guard.versions import check_version
from vestibule.identity.directory import Directory
from vestibule.orgs.models import Membership
from vestibule.orgs.service import (
    Organizations,
    default_membership,
    enterable_by_password,
    entered,
)
from vestibule.passwords.service import Passwords
from vestibule.storage.database import Database
from vestibule.text import comparable
from vestibule.tokens.models import RefreshToken
from vestibule.tokens.service import Subject, Tokens
from vestibule.users.models import User

NOBODY = UUID(int=0)
"""Asked for where there is no such user, so that the question takes the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody signs in with, and through what."""

    username: str
    password: SecretStr
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scope: str = ""
    user_agent: str | None = None
    client_version: str | None = None
    scheme: str = "https"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a login gives."""

    access_token: str
    expires_in: int
    refresh_token: SecretStr | None
    scope: str
    default_org: Membership | None
    orgs: Sequence[Membership]


class Login:
    """Signs people in with their password."""

    def __init__(
        self,
        *,
        guard: Guard,
        clients: Clients,
        directory: Directory,
        passwords: Passwords,
        organizations: Organizations,
        tokens: Tokens,
        audit: Audit,
        database: Database,
        clock: Clock,
        require_verified_email: bool,
        failure_floor: float,
    ) -> None:
        self._guard = guard
        self._clients = clients
        self._directory = directory
        self._passwords = passwords
        self._organizations = organizations
        self._tokens = tokens
        self._audit = audit
        self._database = database
        self._clock = clock
        self._require_verified_email = require_verified_email
        self._failure_floor = failure_floor

    async def sign_in(self, credentials: Credentials, attempt: Attempt) -> SignedIn:
        """Check the credentials and issue tokens.

        `attempt` is filled in along the road, for the trail. Raises the errors of the
        contract's table; of what depends on the account, only to the right password.
        """
        self._guard.require_secure(scheme=credentials.scheme, address=attempt.address)
        await self._guard.admit_address(attempt.network)
        client = await self._admit_client(credentials, attempt)
        scopes, org_key = requested_scopes(client, credentials.scope)
        started = self._clock.monotonic()
        user = await self._authenticate(credentials, attempt)
        if user is None:
            await self._keep_floor(started)
            raise AuthenticationFailed(cause="password" if attempt.user_id else "user_unknown")
        self._require_usable(user)
        require_grant(client, Grant.PASSWORD)
        memberships = await self._organizations.memberships_of(user.id)
        membership = _organization_to_enter(client, user, memberships, org_key)
        return await self._issue(client, user, scopes, memberships, membership, attempt)

    async def _admit_client(self, credentials: Credentials, attempt: Attempt) -> Client:
        client = await self._clients.authenticate(
            client_id=credentials.client_id, client_secret=credentials.client_secret
        )
        attempt.client_id = client.client_id
        await self._guard.admit_client(client.client_id)
        check_version(
            client_id=client.client_id,
            minimum=client.minimum_version,
            user_agent=credentials.user_agent,
            x_client_version=credentials.client_version,
        )
        return client

    async def _authenticate(self, credentials: Credentials, attempt: Attempt) -> User | None:
        """The user whose password this is; None alike for a wrong one and for nobody's."""
        with self._passwords.reserve() as reservation:
            user = await self._directory.find(credentials.username)
            attempt.user_id = user.id if user else None
            attempt.identifier_digest = self._audit.digest(comparable(credentials.username))

            async def known() -> bool:
                return await self._audit.has_signed_in_from(
                    user_id=user.id if user else NOBODY, network=attempt.network
                )

            admission = await self._guard.admit_account(
                account=user.id.hex if user else f"?{attempt.identifier_digest}",
                network=attempt.network,
                is_known=known,
            )
            with admission:
                right = await self._directory.verify(
                    user=user, password=credentials.password, reservation=reservation
                )
                if right:
                    admission.succeeded()
                else:
                    admission.failed()
        return user if right else None

    async def _keep_floor(self, started: float) -> None:
        remaining = started + self._failure_floor - self._clock.monotonic()
        if remaining > 0:
            await self._clock.sleep(remaining)

    def _require_usable(self, user: User) -> None:
        if not user.is_active:
            raise AccessForbidden("This account is disabled", cause="user_disabled")
        if self._require_verified_email and not user.email_verified:
            raise AccessForbidden(
                "The e-mail address of this account is not verified", cause="email_unverified"
            )

    async def _issue(
        self,
        client: Client,
        user: User,
        scopes: frozenset[str],
        memberships: Sequence[Membership],
        membership: Membership | None,
        attempt: Attempt,
    ) -> SignedIn:
        active = [m for m in memberships if m.organization.is_active]
        organization = membership.organization if membership else None
        attempt.org_id = organization.id if organization else None
        subject = Subject(
            user_id=user.id,
            client_id=client.client_id,
            scope=" ".join(sorted(scopes)),
            org_id=organization.id if organization else None,
            org_key=organization.key if organization else None,
            org_role=membership.role if membership else None,
        )
        access_token = await self._tokens.access_token(subject, auth_time=int(self._clock.time()))
        refresh_token, row = None, None
        if Grant.REFRESH_TOKEN in client.grants:
            refresh_token, row = self._tokens.refresh_token(subject)
        await self._acknowledge(attempt, row)
        return SignedIn(
            access_token=access_token,
            expires_in=self._tokens.access_lifetime,
            refresh_token=refresh_token,
            scope=subject.scope,
            default_org=default_membership(active, chosen=user.default_org_id),
            orgs=active,
        )

    async def _acknowledge(self, attempt: Attempt, row: RefreshToken | None) -> None:
        """One commit holds the refresh token and the trail; only then is anybody told."""
        event = self._audit.event(attempt, result=Result.SUCCESS, cause="signed_in", status=200)

        def write(connection: Connection) -> None:
            if row is not None:
                self._tokens.store(connection, row)
            self._audit.add(connection, event)

        await self._database.write(write)
        self._audit.log(event)


def _organization_to_enter(
    client: Client, user: User, memberships: Sequence[Membership], key: str | None
) -> Membership | None:
    """The organization that the token is for: the one asked for, else the user's default."""
    if key is not None:
        membership = entered(memberships, key=key)
        require_organization(client, key)
        return membership
    possible = [
        m
        for m in enterable_by_password(memberships)
        if client.organizations is None or m.organization.key in client.organizations
    ]
    return default_membership(possible, chosen=user.default_org_id)
