"""The road of a login, one way, no turning back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, Grant
from vestibule.clients.scopes import requested_scopes
from vestibule.clients.service import require_grant
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, AuthenticationFailed
from vestibule.guard.service import Door, Guard
from vestibule.http.visit import Visit
from vestibule.identity.directory import Directory, Verified
from vestibule.issuing.admission import Admission, ClientCredentials
from vestibule.issuing.entering import organization_to_enter
from vestibule.issuing.service import Granted, Issued, Issuer
from vestibule.orgs.service import Organizations
from vestibule.passwords.service import Passwords
from vestibule.sessions.service import Origin
from vestibule.text import comparable
from vestibule.users.models import User

NOBODY = UUID(int=0)
"""Asked for where there is no such user, so that the question takes the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody signs in with."""

    username: str
    password: SecretStr
    scope: str = ""


class Login:
    """Signs people in with their password."""

    def __init__(
        self,
        *,
        guard: Guard,
        admission: Admission,
        directory: Directory,
        passwords: Passwords,
        organizations: Organizations,
        issuer: Issuer,
        audit: Audit,
        clock: Clock,
        require_verified_email: bool,
        failure_floor: float,
    ) -> None:
        self._guard = guard
        self._admission = admission
        self._directory = directory
        self._passwords = passwords
        self._organizations = organizations
        self._issuer = issuer
        self._audit = audit
        self._clock = clock
        self._require_verified_email = require_verified_email
        self._failure_floor = failure_floor

    async def sign_in(
        self,
        credentials: Credentials,
        *,
        client_credentials: ClientCredentials,
        visit: Visit,
        attempt: Attempt,
    ) -> Issued:
        """Check the credentials and issue tokens.

        `attempt` is filled in along the road, for the trail. Raises the errors of the
        contract's table; of what depends on the account, only to the right password.
        """
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        async with self._guard.door(visit.network) as door:
            client = await self._admission.admit(client_credentials, visit, attempt)
            return await self._grant(client, credentials, visit=visit, attempt=attempt, door=door)

    async def password_grant(
        self,
        client: Client,
        credentials: Credentials,
        *,
        visit: Visit,
        attempt: Attempt,
        jkt: str | None = None,
        id_token: bool = False,
    ) -> Issued:
        """The same for a client that has proved itself (RFC 6749 §4.3)."""
        async with self._guard.door(visit.network) as door:
            return await self._grant(
                client,
                credentials,
                visit=visit,
                attempt=attempt,
                door=door,
                jkt=jkt,
                id_token=id_token,
            )

    async def _grant(
        self,
        client: Client,
        credentials: Credentials,
        *,
        visit: Visit,
        attempt: Attempt,
        door: Door,
        jkt: str | None = None,
        id_token: bool = False,
    ) -> Issued:
        await door.through(client.client_id)
        scopes, org_key = requested_scopes(client, credentials.scope)
        verified = await self.identify(
            credentials, visit=visit, attempt=attempt, door=door, organization=org_key
        )
        user, directory = verified.user, verified.directory
        require_grant(client, Grant.PASSWORD)
        memberships = await self._organizations.memberships_of(user.id)
        return await self._issuer.begin(
            Granted(
                client=client,
                user=user,
                scopes=scopes,
                memberships=memberships,
                membership=organization_to_enter(
                    client, user, memberships, org_key, directory=directory
                ),
                auth_time=utc(self._clock),
                origin=Origin(visit.address, visit.user_agent),
                jkt=jkt,
                id_token=id_token,
                by_password=directory is None,
                directory=directory,
            ),
            attempt,
        )

    async def identify(
        self,
        credentials: Credentials,
        *,
        visit: Visit,
        attempt: Attempt,
        door: Door | None = None,
        organization: str | None = None,
    ) -> Verified:
        """The person whose password this is, where the account may be used.

        `door` is that of a try which has not been counted yet, `organization` the key of the one
        that is to be entered: its directory may be the one to ask.
        Raises `AuthenticationFailed` alike for a wrong password and for nobody's, `RateLimited`,
        what an upstream directory raises, and to the right password `AccessForbidden` and
        `AlreadyExists`.
        """
        started = self._clock.monotonic()
        verified = await self._authenticate(credentials, visit, attempt, door, organization)
        if verified is None:
            await self._keep_floor(started)
            raise AuthenticationFailed(cause="password" if attempt.user_id else "user_unknown")
        attempt.user_id = verified.user.id
        self.require_usable(verified.user)
        return verified

    async def _authenticate(
        self,
        credentials: Credentials,
        visit: Visit,
        attempt: Attempt,
        door: Door | None,
        organization: str | None,
    ) -> Verified | None:
        """The user whose password this is; None alike for a wrong one and for nobody's."""
        with self._passwords.reserve() as reservation:
            await reservation.with_others()
            found = await self._directory.find(credentials.username, organization=organization)
            user = found.user
            attempt.user_id = user.id if user else None
            attempt.identifier_digest = self._audit.digest(comparable(credentials.username))

            async def known() -> bool:
                return await self._audit.has_signed_in_from(
                    user_id=user.id if user else NOBODY, network=visit.network
                )

            admission = await self._guard.admit_account(
                account=user.id.hex if user else f"?{attempt.identifier_digest}",
                network=visit.network,
                is_known=known,
                door=door,
            )
            async with admission:
                verified = await self._directory.verify(
                    found=found, password=credentials.password, reservation=reservation
                )
                if verified is not None:
                    await admission.succeeded()
                else:
                    await admission.failed()
        return verified

    async def _keep_floor(self, started: float) -> None:
        remaining = started + self._failure_floor - self._clock.monotonic()
        if remaining > 0:
            await self._clock.sleep(remaining)

    def require_usable(self, user: User) -> None:
        """Raise `AccessForbidden` for an account that may not be used."""
        if not user.is_active:
            raise AccessForbidden("This account is disabled", cause="user_disabled")
        if self._require_verified_email and not user.email_verified:
            raise AccessForbidden(
                "The e-mail address of this account is not verified", cause="email_unverified"
            )
