"""Decisions about device logins (RFC 8628): how they start, wait, are approved and redeemed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.audit.models import AuditEvent, Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, Grant
from vestibule.clients.scopes import ORG_SCOPE, requested_scopes
from vestibule.clients.service import require_grant
from vestibule.clock import Clock, utc
from vestibule.devices import repository
from vestibule.devices.models import DeviceLogin, DeviceStatus
from vestibule.devices.polling import Polling
from vestibule.devices.user_codes import canonical, new_user_code
from vestibule.errors import (
    AccessForbidden,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    NotFound,
    SlowDown,
)
from vestibule.guard.service import Guard
from vestibule.http.visit import Visit
from vestibule.issuing.approvals import Approval, Approvals
from vestibule.issuing.service import Granted, Issued, Issuer
from vestibule.orgs.models import Membership
from vestibule.sessions import repository as sessions
from vestibule.sessions.models import Session
from vestibule.sessions.service import Origin
from vestibule.storage.database import Database
from vestibule.users.models import User

TRIES = 5
"""At a user code that nobody has yet."""


@dataclass(frozen=True, slots=True)
class Started:
    """A device login that waits; the code itself is known to the device alone."""

    device_code: SecretStr
    login: DeviceLogin


class Devices:
    """Device logins."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        guard: Guard,
        issuer: Issuer,
        approvals: Approvals,
        polling: Polling,
        lifetime: int,
        interval: int,
    ) -> None:
        """`lifetime` and `interval` in seconds."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._guard = guard
        self._issuer = issuer
        self._approvals = approvals
        self._polling = polling
        self.lifetime = lifetime
        self._interval = interval

    async def start(self, *, client: Client, scope: str, visit: Visit, attempt: Attempt) -> Started:
        """A device login that waits for its person. Raises `RateLimited`, `AccessForbidden`."""
        await self._guard.admit_device(visit.network)
        require_grant(client, Grant.DEVICE_CODE)
        scopes, key = requested_scopes(client, scope)
        asked = sorted(scopes) + ([f"{ORG_SCOPE}{key}"] if key else [])
        now = utc(self._clock)
        event = self._audit.event(attempt, result=Result.SUCCESS, cause="started", status=200)
        origin = Origin(visit.address, visit.user_agent)
        for _ in range(TRIES):
            code = secrets.token_urlsafe(32)
            login = DeviceLogin(
                digest=_digest(code),
                user_code=new_user_code(),
                client_id=client.client_id,
                scope=" ".join(asked),
                status=DeviceStatus.PENDING,
                user_id=None,
                org_id=None,
                auth_time=None,
                address=origin.address,
                user_agent=origin.user_agent,
                created_at=now,
                expires_at=now + timedelta(seconds=self.lifetime),
                interval=self._interval,
                last_polled_at=None,
            )
            try:
                await self._database.write(self._adding(login, event))
            except IntegrityError:
                continue  # somebody has this user code
            self._audit.log(event)
            return Started(SecretStr(code), login)
        raise RuntimeError("no free user code was found")

    async def state(self, device_code: SecretStr, *, visit: Visit) -> DeviceLogin:
        """How far it has come: pending or authorized.

        Raises `UpgradeRequired`, `NotFound`, `AccessForbidden` where it was refused, and
        `ExpiredToken`.
        """
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        login = await self._find(device_code)
        if login is None or login.status is DeviceStatus.REDEEMED:
            raise NotFound("Device code not found", cause="device_unknown")
        self._require_undecided_or_approved(login)
        return login

    async def redeem(
        self,
        *,
        client: Client,
        device_code: SecretStr,
        visit: Visit,
        attempt: Attempt,
        jkt: str | None = None,
        id_token: bool = False,
    ) -> Issued:
        """The tokens, once it was approved, and only once.

        Raises `AuthorizationPending`, `SlowDown`, `ExpiredToken`, `AccessForbidden` where it was
        refused, `InvalidGrant` for a code that is unknown, redeemed or another client's.
        """
        login = await self._find(device_code)
        if login is None or login.client_id != client.client_id:
            raise _unknown("device_unknown")
        attempt.user_id, attempt.org_id = login.user_id, login.org_id
        if login.status is DeviceStatus.REDEEMED:
            raise _unknown("device_replay")
        self._require_undecided_or_approved(login)
        if login.status is DeviceStatus.PENDING:
            raise await self._wait(login)
        granted = await self._granted(login, client=client, visit=visit, jkt=jkt, id_token=id_token)

        def redeem(connection: Connection, session: Session) -> None:
            if sessions.withdrawn(connection, user_id=session.user_id, auth_time=session.auth_time):
                raise _unknown("session_ended")
            if not repository.redeem(connection, login.digest):
                raise _unknown("device_replay")

        return await self._issuer.begin(granted, attempt, also=redeem)

    async def to_approve(self, typed: str, *, user: User, network: str) -> DeviceLogin:
        """The waiting login of a user code that a person typed or followed.

        Raises `RateLimited`, and `NotFound` alike for a code that nobody has, that has expired
        and that was decided on already.
        """
        await self._guard.admit_user_code(user_id=user.id, network=network)
        login = await self.waiting(canonical(typed) or "")
        await self._guard.right_user_code(user_id=user.id, network=network)
        return login

    async def waiting(self, user_code: str) -> DeviceLogin:
        """The same for a code that the person was shown before. Raises `NotFound`."""
        login = await self._database.read(lambda c: repository.by_user_code(c, user_code))
        if (
            login is None
            or login.status is not DeviceStatus.PENDING
            or login.expires_at <= utc(self._clock)
        ):
            raise NotFound("This code is not known, or has expired", cause="user_code")
        return login

    async def decide(
        self,
        login: DeviceLogin,
        *,
        approved: bool,
        user: User,
        membership: Membership | None,
        auth_time: datetime,
        directory: str | None = None,
        attempt: Attempt,
    ) -> None:
        """Approve or refuse. Raises `NotFound` where that was decided meanwhile."""
        org_id = membership.organization.id if membership else None
        attempt.user_id, attempt.client_id, attempt.org_id = user.id, login.client_id, org_id
        cause = "device_approved" if approved else "device_refused"
        event = self._audit.event(attempt, result=Result.SUCCESS, cause=cause, status=200)

        def write(connection: Connection) -> bool:
            decided = repository.decide(
                connection,
                login.digest,
                status=DeviceStatus.AUTHORIZED if approved else DeviceStatus.REFUSED,
                user_id=user.id,
                org_id=org_id,
                auth_time=auth_time,
                directory=directory,
                now=utc(self._clock),
            )
            if decided:
                self._audit.add(connection, event)
            return decided

        if not await self._database.write(write):
            raise NotFound("This code is not known, or has expired", cause="user_code")
        self._audit.log(event)

    def _adding(self, login: DeviceLogin, event: AuditEvent) -> Callable[[Connection], None]:
        def write(connection: Connection) -> None:
            repository.add(connection, login)
            self._audit.add(connection, event)

        return write

    async def _find(self, device_code: SecretStr) -> DeviceLogin | None:
        digest = _digest(device_code.get_secret_value())
        return await self._database.read(lambda c: repository.by_digest(c, digest))

    def _require_undecided_or_approved(self, login: DeviceLogin) -> None:
        if login.status is DeviceStatus.REFUSED:
            raise AccessForbidden("The device login was refused", cause="device_refused")
        if login.expires_at <= utc(self._clock):
            raise ExpiredToken("The device code has expired", cause="device_expired")

    async def _wait(self, login: DeviceLogin) -> AuthorizationPending | SlowDown:
        asked = await self._polling.asked(login)
        if asked.early:
            return SlowDown(f"Asked too often: wait {asked.interval} seconds", cause="slow_down")
        return AuthorizationPending("Nobody has approved it yet", cause="device_pending")

    async def _granted(
        self, login: DeviceLogin, *, client: Client, visit: Visit, jkt: str | None, id_token: bool
    ) -> Granted:
        assert login.user_id is not None
        assert login.auth_time is not None
        scopes = frozenset(s for s in login.scope.split() if not s.startswith(ORG_SCOPE))
        return await self._approvals.granted(
            Approval(
                user_id=login.user_id,
                org_id=login.org_id,
                scopes=scopes,
                auth_time=login.auth_time,
                directory=login.directory,
            ),
            client=client,
            origin=Origin(visit.address, visit.user_agent),
            jkt=jkt,
            id_token=id_token,
        )


def asked_organization(login: DeviceLogin) -> str | None:
    """The key of the organization that the device has asked for, if any."""
    keys = (s.removeprefix(ORG_SCOPE) for s in login.scope.split() if s.startswith(ORG_SCOPE))
    return next(keys, None)


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def _unknown(cause: str) -> InvalidGrant:
    return InvalidGrant("The device code is not valid", cause=cause)
