"""Inviting people by e-mail, and accepting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.audit.service import Attempt, Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AlreadyExists, NotFound, RateLimited, ValidationFailed
from vestibule.ids import new_id
from vestibule.mail.letters import Letters
from vestibule.mail.outbox import Outbox
from vestibule.members import repository
from vestibule.members.invitation_secrets import digest_of, new_secret, told
from vestibule.members.letter import invitation_mail
from vestibule.members.models import Invitation
from vestibule.orgs import repository as orgs
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.models import Membership, Organization, Role
from vestibule.orgs.policy import (
    Action,
    Standing,
    allows,
    inviting,
    require,
    require_joining,
    uninviting,
)
from vestibule.text import canonical_email
from vestibule.users import repository as users
from vestibule.users.models import User

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that was made, with the secret that is told once."""

    invitation: Invitation
    token: SecretStr
    mail_sent: bool


@dataclass(frozen=True, slots=True)
class _Checked:
    """An invitation that this user may accept, and whether that proves their address."""

    invitation: Invitation
    organization: Organization
    user: User
    is_proof: bool


class Invitations:
    """Invitations to organizations."""

    def __init__(
        self,
        *,
        authorization: Authorization,
        outbox: Outbox,
        letters: Letters,
        audit: Audit,
        clock: Clock,
        lifetime: int,
        per_hour: int,
        url: str,
    ) -> None:
        """`lifetime` is in seconds, `per_hour` counts by organization, links begin with `url`."""
        self._authorization = authorization
        self._outbox = outbox
        self._letters = letters
        self._audit = audit
        self._clock = clock
        self._lifetime = lifetime
        self._per_hour = per_hour
        self._url = url

    async def list(
        self, caller: Caller, *, org: str, after: UUID | None, limit: int
    ) -> list[Invitation]:
        """A page of those that can still be accepted, oldest first."""
        return await self._authorization.read(
            caller,
            org=org,
            action=Action.INVITATION_LIST,
            work=lambda connection, standing: repository.open_invitations(
                connection,
                org_id=standing.organization.id,
                now=utc(self._clock),
                after=after,
                limit=limit,
            ),
        )

    async def invite(self, caller: Caller, *, org: str, email_address: str, role: Role) -> Invited:
        """Invite an address; an earlier invitation of it ends. The mail waits with it.

        Raises `ValidationFailed`, `AlreadyExists` for a member, `RateLimited`.
        """
        mailed = new_secret()

        def work(connection: Connection, standing: Standing) -> Invitation:
            organization = standing.organization
            address = _checked_address(email_address)
            if repository.is_member(connection, org_id=organization.id, email_address=address):
                raise AlreadyExists("This person is a member already", cause="member")
            self._admit(connection, organization)
            self._end_earlier(connection, caller, standing, address)
            invitation = self._new(caller, organization, address, role, told(mailed))
            repository.add_invitation(connection, invitation)
            mail = invitation_mail(
                self._letters,
                organization=organization,
                invitation=invitation,
                link=self.link(mailed),
            )
            self._outbox.put(connection, mail, expires_at=invitation.expires_at)
            return invitation

        invitation = await self._authorization.write(
            caller, org=org, action=inviting(role), status=201, work=work
        )
        self._outbox.wake()
        return Invited(
            invitation=invitation, token=told(mailed), mail_sent=self._outbox.is_configured
        )

    def link(self, token: SecretStr) -> SecretStr:
        """Where whoever is invited accepts."""
        return SecretStr(f"{self._url}?token={token.get_secret_value()}")

    async def revoke(self, caller: Caller, *, org: str, invitation_id: UUID) -> None:
        """Take one back. Raises `NotFound`."""

        def work(connection: Connection, standing: Standing) -> None:
            now, org_id = utc(self._clock), standing.organization.id
            found = repository.open_invitation(
                connection, org_id=org_id, invitation_id=invitation_id, now=now
            )
            if found is None:
                raise NotFound("Invitation not found", cause="invitation_unknown")
            require(caller, standing, uninviting(found.role))
            repository.revoke(connection, org_id=org_id, invitation_id=found.id, now=now)

        await self._authorization.write(
            caller, org=org, action=Action.INVITATION_REVOKE, status=204, work=work
        )

    async def find(self, caller: Caller, *, token: SecretStr) -> Membership:
        """What accepting would make of the caller. Raises as `accept` does."""
        attempt = caller.attempt(Action.INVITATION_ACCEPT.value)
        now = utc(self._clock)
        async with self._audit.following(attempt):
            checked = await self._authorization.look(
                lambda c: _check(c, caller, token, attempt, now=now)
            )
        return Membership(
            organization=checked.organization, role=checked.invitation.role, joined_at=now
        )

    async def accept(self, caller: Caller, *, token: SecretStr) -> Membership:
        """Make the caller a member by the secret that was mailed, or told to the inviter.

        Raises `NotFound` alike for a secret that is unknown, expired, spent or taken back, one
        for another address, and one whose inviter may not invite any more; `AlreadyExists` for
        a member; `AccessForbidden` where the organization is suspended.
        """
        attempt = caller.attempt(Action.INVITATION_ACCEPT.value)

        def check(connection: Connection) -> _Checked:
            return _check(connection, caller, token, attempt, now=utc(self._clock))

        async with self._audit.following(attempt):
            # Whoever guesses is told so by a reader, and can't keep the one writer busy.
            await self._authorization.look(check)
            return await self._audit.succeeded(
                attempt, status=200, work=lambda c: _enter(c, check(c), now=utc(self._clock))
            )

    def _admit(self, connection: Connection, organization: Organization) -> None:
        """Raise `RateLimited` where an organization floods strangers with mail."""
        since = utc(self._clock) - timedelta(seconds=HOUR)
        made = repository.invited_since(connection, org_id=organization.id, moment=since)
        if made >= self._per_hour:
            raise RateLimited(
                "Too many invitations, try again later",
                cause="invitation_limit",
                retry_after=HOUR,
                policy="invitations",
                quota=self._per_hour,
                window=HOUR,
            )

    def _end_earlier(
        self, connection: Connection, caller: Caller, standing: Standing, address: str
    ) -> None:
        now, org_id = utc(self._clock), standing.organization.id
        for earlier in repository.open_invitations(
            connection, org_id=org_id, now=now, email_address=address
        ):
            require(caller, standing, uninviting(earlier.role))
            repository.revoke(connection, org_id=org_id, invitation_id=earlier.id, now=now)

    def _new(
        self, caller: Caller, organization: Organization, address: str, role: Role, token: SecretStr
    ) -> Invitation:
        now = utc(self._clock)
        return Invitation(
            id=new_id(),
            org_id=organization.id,
            email_address=address,
            role=role,
            digest=digest_of(token),
            invited_by=caller.user_id,
            created_at=now,
            expires_at=now + timedelta(seconds=self._lifetime),
            accepted_at=None,
            accepted_by=None,
            revoked_at=None,
        )


def _check(
    connection: Connection, caller: Caller, token: SecretStr, attempt: Attempt, *, now: datetime
) -> _Checked:
    by_mail = digest_of(told(token))
    invitation = repository.open_by_digest(connection, [digest_of(token), by_mail], now=now)
    if invitation is None:
        raise _unknown("invitation_unknown")
    attempt.org_id = invitation.org_id
    user = users.by_id(connection, caller.user_id)
    if user is None or user.email_address != invitation.email_address:
        raise _unknown("invitation_address")
    standing = orgs.standing_by_id(
        connection, org_id=invitation.org_id, user_id=invitation.invited_by, lock=True
    )
    if standing is None or not _may_still_invite(connection, standing, invitation):
        raise _unknown("invitation_inviter")
    require_joining(caller, standing.organization)
    if orgs.role_of(connection, org_id=invitation.org_id, user_id=user.id) is not None:
        raise AlreadyExists("You are a member already", cause="member")
    # Only the mail has carried this secret, so who has it has received mail there.
    return _Checked(invitation, standing.organization, user, is_proof=invitation.digest == by_mail)


def _enter(connection: Connection, checked: _Checked, *, now: datetime) -> Membership:
    invitation, user = checked.invitation, checked.user
    if not repository.spend(connection, invitation_id=invitation.id, user_id=user.id, now=now):
        raise _unknown("invitation_spent")
    orgs.add_member(
        connection,
        org_id=invitation.org_id,
        user_id=user.id,
        role=invitation.role,
        joined_at=now,
    )
    if checked.is_proof and not user.email_verified:
        users.change(connection, user.id, {"email_verified": True, "updated_at": now})
    return Membership(organization=checked.organization, role=invitation.role, joined_at=now)


def _may_still_invite(connection: Connection, standing: Standing, invitation: Invitation) -> bool:
    """Whoever was put out must not come back, or leave others, by an old invitation."""
    inviter = users.by_id(connection, invitation.invited_by)
    if inviter is None or not inviter.is_active:
        return False
    return allows(standing.role, inviting(invitation.role), is_admin=inviter.is_admin)


def _checked_address(address: str) -> str:
    try:
        return canonical_email(address)
    except ValueError as error:
        raise ValidationFailed.of("email_address", f"The e-mail address {error}") from None


def _unknown(cause: str) -> NotFound:
    return NotFound("Invitation not found", cause=cause)
