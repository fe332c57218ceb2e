"""Handing out tokens: a session begins, or one that is alive gets its next tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.audit.repository import SIGNED_IN
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.clients.service import may_enter, require_proof
from vestibule.errors import AuthenticationFailed
from vestibule.identity import repository as identities
from vestibule.issuing.profile import profile_claims
from vestibule.orgs.models import Membership
from vestibule.orgs.service import default_membership
from vestibule.sessions.models import Session, SessionKind
from vestibule.sessions.service import Origin, Sessions
from vestibule.tokens.service import Tokens
from vestibule.tokens.subject import Subject
from vestibule.users.models import User

OPENID = "openid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What was decided: who may have tokens, through what, for what."""

    client: Client
    user: User
    scopes: frozenset[str]
    memberships: Sequence[Membership]
    """All that the user has."""
    membership: Membership | None
    """The one that the tokens are for."""
    auth_time: datetime
    origin: Origin
    jkt: str | None = None
    """Thumbprint of the key that the client has proved (RFC 9449)."""
    id_token: bool = False
    """Whether an ID token goes along where the scopes hold `openid`."""
    nonce: str | None = None
    by_password: bool = False
    """Whether the user's password has just been verified, by our own hash of it."""
    directory: str | None = None
    """Key of the upstream directory that the person signed in through; None for our own."""
    org_confined: bool = False
    """Whether the person has let the client into this organization alone."""

    @property
    def org_id(self) -> UUID | None:
        """The organization that the tokens are for."""
        return self.membership.organization.id if self.membership else None

    def may_know_of(self, membership: Membership) -> bool:
        """Whether the client is told that the person belongs to this organization."""
        if self.org_confined and membership.organization.id != self.org_id:
            return False
        organization = membership.organization
        return organization.is_active and may_enter(self.client, organization.key)

    def subject(self, *, session_id: UUID | None) -> Subject:
        """Whom the access token will speak of."""
        organization = self.membership.organization if self.membership else None
        return Subject(
            user_id=self.user.id,
            client_id=self.client.client_id,
            scope=" ".join(sorted(self.scopes)),
            org_id=organization.id if organization else None,
            org_key=organization.key if organization else None,
            org_role=self.membership.role.value if self.membership else None,
            session_id=session_id,
            auth_time=int(self.auth_time.timestamp()),
            jkt=self.jkt,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What is handed out."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105  (RFC 6750's name of the type)
    refresh_token: SecretStr | None = None
    id_token: str | None = field(default=None, repr=False)
    issued_token_type: str | None = None
    default_org: Membership | None = None
    orgs: Sequence[Membership] = ()


class Issuer:
    """Mints tokens, and acknowledges them only after the commit that stands behind them."""

    def __init__(self, *, tokens: Tokens, sessions: Sessions, audit: Audit) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._audit = audit

    async def begin(
        self,
        granted: Granted,
        attempt: Attempt,
        *,
        also: Callable[[Connection, Session], None] | None = None,
    ) -> Issued:
        """Begin a session and hand out its first tokens.

        One commit holds the session, the row in the trail and what `also` writes: a code is
        redeemed together with what it is redeemed for, or not at all. Raises `InvalidRequest`
        for a client that must prove its key, on every road that takes no proofs.
        """
        require_proof(granted.client, granted.jkt)
        attempt.user_id = granted.user.id
        attempt.org_id = granted.org_id
        session, refresh_token = self._sessions.new(
            kind=SessionKind.TOKEN,
            user_id=granted.user.id,
            client_id=granted.client.client_id,
            scope=" ".join(sorted(granted.scopes)),
            org_id=granted.org_id,
            origin=granted.origin,
            auth_time=granted.auth_time,
            # RFC 9449 §5: a confidential client's own proof binds the refresh token already, and
            # it may change its key.
            dpop_jkt=granted.jkt if granted.client.kind is ClientKind.PUBLIC else None,
            org_confined=granted.org_confined,
            renewable=Grant.REFRESH_TOKEN in granted.client.grants,
            directory=granted.directory,
        )
        issued = await self.mint(granted, session=session, refresh_token=refresh_token)

        if also is None:
            await self._write(granted, session, attempt)
        else:
            await self._write_with(also, granted, session, attempt)
        return issued

    async def _write(self, granted: Granted, session: Session, attempt: Attempt) -> None:
        provided, values = identities.unchanged(
            granted.user, directory=granted.directory, password=granted.by_password
        )
        if not await self._audit.began(
            attempt,
            row=self._sessions.row(session),
            provided=provided,
            values=values,
            cause=SIGNED_IN,
            status=200,
        ):
            raise AuthenticationFailed(cause="account_changed")

    async def _write_with(
        self,
        also: Callable[[Connection, Session], None],
        granted: Granted,
        session: Session,
        attempt: Attempt,
    ) -> None:
        def write(connection: Connection) -> None:
            identities.require_unchanged(
                connection,
                granted.user,
                directory=granted.directory,
                password=granted.by_password,
            )
            also(connection, session)
            self._sessions.add(connection, session)

        await self._audit.succeeded(attempt, cause=SIGNED_IN, status=200, work=write)

    async def mint(
        self, granted: Granted, *, session: Session, refresh_token: SecretStr | None
    ) -> Issued:
        """The signed tokens for a session that its caller writes or has written.

        None of them outlives it.
        """
        subject = granted.subject(session_id=session.id)
        expires_at = int(session.expires_at.timestamp())
        access_token = await self._tokens.access_token(subject, expires_at=expires_at)
        id_token = None
        if granted.id_token and OPENID in granted.scopes:
            id_token = await self._tokens.id_token(
                subject,
                access_token=access_token,
                nonce=granted.nonce,
                expires_at=expires_at,
                profile=profile_claims(granted.user, granted.scopes),
            )
        active = [m for m in granted.memberships if granted.may_know_of(m)]
        return Issued(
            access_token=access_token,
            expires_in=self._tokens.remaining(expires_at),
            scope=subject.scope,
            token_type="DPoP" if granted.jkt else "Bearer",
            refresh_token=refresh_token,
            id_token=id_token,
            default_org=default_membership(active, chosen=granted.user.default_org_id),
            orgs=active,
        )
