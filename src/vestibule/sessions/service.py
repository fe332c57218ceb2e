"""Decisions about sessions: how they begin, whether they are alive, and how they end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.clock import Clock, utc
from vestibule.ids import new_id
from vestibule.sessions import repository
from vestibule.sessions.models import Session, SessionKind, sessions
from vestibule.sessions.refresh_tokens import SALT_BYTES, Presented, RefreshTokens, digest_of
from vestibule.storage.database import Database
from vestibule.storage.together import Row

MAX_USER_AGENT = 400
MAX_LISTED = 200
"""Sessions on one page."""
SEEN_AFTER = timedelta(minutes=1)
"""How exactly it is kept when a browser was seen last: not a write a request."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session is used from."""

    address: str
    user_agent: str = ""

    def __post_init__(self) -> None:
        # Kept to be shown: no more of it than that needs, and nothing that draws.
        shown = "".join(c for c in self.user_agent[:MAX_USER_AGENT] if c.isprintable())
        object.__setattr__(self, "user_agent", shown)


class Spent(Enum):
    """What a refresh token that can't be spent any more turned out to be."""

    ENDED = "ended"
    """Its session had ended already."""
    REPLAYED = "replayed"
    """It was spent before: its session has ended now (RFC 9700 §4.14.2)."""
    OTHER_KEY = "other key"
    """Its session is bound to another key than was proved (RFC 9449 §5); nothing has ended."""


class Sessions:
    """Sign-ins that last."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        refresh_tokens: RefreshTokens,
        lifetime: int,
        idle_lifetime: int,
        browser_lifetime: int,
        grace: int,
    ) -> None:
        """All in seconds. `grace`: how long a spent refresh token gets the same answer again."""
        self._database = database
        self._clock = clock
        self.refresh_tokens = refresh_tokens
        self._lifetimes = {
            SessionKind.TOKEN: timedelta(seconds=lifetime),
            SessionKind.BROWSER: timedelta(seconds=browser_lifetime),
        }
        self._idle = timedelta(seconds=idle_lifetime)
        self._grace = timedelta(seconds=grace)

    def new(
        self,
        *,
        kind: SessionKind,
        user_id: UUID,
        client_id: str,
        scope: str,
        org_id: UUID | None,
        origin: Origin,
        auth_time: datetime,
        dpop_jkt: str | None = None,
        org_confined: bool = False,
        renewable: bool = True,
        directory: str | None = None,
    ) -> tuple[Session, SecretStr | None]:
        """A session as it would begin, not yet written, and the secret that continues it.

        The secret is a refresh token or a cookie; one that is not `renewable` has none.
        """
        now = utc(self._clock)
        identifier = new_id()
        secret = self.refresh_tokens.first(identifier) if renewable else None
        session = Session(
            id=identifier,
            kind=kind,
            user_id=user_id,
            client_id=client_id,
            org_id=org_id,
            scope=scope,
            digest=digest_of(secret) if secret else None,
            previous_digest=None,
            salt=None,
            generation=0,
            rotated_at=None,
            auth_time=auth_time,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._lifetimes[kind],
            address=origin.address,
            user_agent=origin.user_agent,
            dpop_jkt=dpop_jkt,
            org_confined=org_confined,
            ended_at=None,
            end_cause=None,
            directory=directory,
        )
        return session, secret

    def add(self, connection: Connection, session: Session) -> None:
        """Write the row within a unit of work that is under way."""
        repository.add(connection, session)

    def row(self, session: Session) -> Row:
        """The row that is to be written together with others."""
        return sessions, repository.row(session)

    async def get(self, session_id: UUID) -> Session | None:
        """The session of this id, alive or not."""
        return await self._database.read(lambda c: repository.by_id(c, session_id))

    def alive(self, session: Session) -> bool:
        """Whether it has not ended, by its owner, by time or by being left alone."""
        now = utc(self._clock)
        return (
            session.ended_at is None
            and session.expires_at > now
            and session.last_seen_at + self._idle > now
        )

    async def of_cookie(self, cookie: str, *, address: str) -> Session | None:
        """The live browser session that a cookie continues."""
        presented = self.refresh_tokens.parse(cookie)
        session = await self.get(presented.session_id) if presented else None
        if (
            presented is None
            or session is None
            or session.kind is not SessionKind.BROWSER
            or session.digest is None
            or not secrets.compare_digest(session.digest, presented.digest)
            or not self.alive(session)
        ):
            return None
        now = utc(self._clock)
        if now - session.last_seen_at >= SEEN_AFTER:
            await self._database.write_one(
                lambda c: repository.seen(c, session.id, now=now, address=address)
            )
        return session

    async def rotate(
        self,
        presented: Presented,
        *,
        org_id: UUID | None,
        origin: Origin,
        dpop_jkt: str | None = None,
    ) -> SecretStr | Spent:
        """Spend a refresh token: its successor, or why there is none.

        `dpop_jkt` binds the session from now on, where it is not bound yet (RFC 9449 §5).

        Whoever spends it a second time within the grace, because the answer was lost or because
        two asked at the same instant, gets the same successor, unless that was spent meanwhile.
        Later a second time means that somebody else has it, and the session ends.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        successor = self.refresh_tokens.successor(presented, salt=salt)
        now = utc(self._clock)

        def rotate(connection: Connection) -> bool:
            return repository.rotate(
                connection,
                session_id=presented.session_id,
                presented=presented.digest,
                successor=digest_of(successor),
                salt=salt,
                org_id=org_id,
                dpop_jkt=dpop_jkt,
                address=origin.address,
                user_agent=origin.user_agent,
                now=now,
            )

        if await self._database.write_one(rotate):
            return successor
        return await self._database.write(lambda c: self._spent(c, presented, now, dpop_jkt))

    def _spent(
        self, connection: Connection, presented: Presented, now: datetime, dpop_jkt: str | None
    ) -> SecretStr | Spent:
        session = repository.by_id(connection, presented.session_id)
        if session is None or session.ended_at is not None:
            return Spent.ENDED
        if session.dpop_jkt not in (None, dpop_jkt):
            return Spent.OTHER_KEY
        again = (
            # Without a grace also not where the other one was written a moment after our `now`.
            bool(self._grace)
            and session.previous_digest == presented.digest
            and session.rotated_at is not None
            and now - session.rotated_at < self._grace
        )
        if again and session.salt and session.digest:
            same = self.refresh_tokens.successor_with_digest(
                presented, salt=session.salt, expected=session.digest
            )
            if same is not None:
                return same
        repository.end(connection, session_id=session.id, now=now, cause="refresh_replay")
        return Spent.REPLAYED

    async def live_of(
        self, user_id: UUID, *, after: UUID | None = None, limit: int = MAX_LISTED
    ) -> list[Session]:
        """A page of the live sessions of a user, the one seen last first, behind `after`."""
        now = utc(self._clock)
        return await self._database.scan(
            lambda c: repository.live_of(
                c,
                user_id=user_id,
                now=now,
                idle_since=now - self._idle,
                after=after,
                limit=limit,
            )
        )

    def end(
        self,
        connection: Connection,
        *,
        cause: str,
        session_id: UUID | None = None,
        user_id: UUID | None = None,
        spare: UUID | None = None,
        client_id: str | None = None,
        directory: str | None = None,
    ) -> int:
        """End one session, or all of a user but one, within a unit of work; returns how many.

        With `client_id` only those of that client, with `directory` those that began through it.
        """
        return repository.end(
            connection,
            now=utc(self._clock),
            cause=cause,
            session_id=session_id,
            user_id=user_id,
            spare=spare,
            client_id=client_id,
            directory=directory,
        )
