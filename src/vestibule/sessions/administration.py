"""What callers do with sessions: their own, and as administrators those of anybody."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import NotFound
from vestibule.sessions.models import Session
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database


class SessionAdministration:
    """Sessions, for those who may.

    Every method raises `AccessForbidden`: a caller's own sessions are nothing for a credential of
    one organization only, and those of others are for administrators of the service.
    """

    def __init__(self, *, sessions: Sessions, database: Database, audit: Audit) -> None:
        self._sessions = sessions
        self._database = database
        self._audit = audit
        self._acts = Acts(audit)

    async def list_own(self, caller: Caller, *, after: UUID | None, limit: int) -> list[Session]:
        """A page of where the caller is signed in, the one seen last first."""
        await self._require_whole(caller)
        return await self._sessions.live_of(caller.user_id, after=after, limit=limit)

    async def end_own(self, caller: Caller, session_id: UUID) -> None:
        """End one of the caller's sessions. Raises `NotFound`."""
        await self._require_whole(caller)
        await self._end(caller, "session_end", user_id=caller.user_id, session_id=session_id)

    async def end_others(self, caller: Caller) -> None:
        """End all of the caller's sessions but the one that the request comes from."""
        await self._require_whole(caller)
        await self._end(caller, "sessions_end", user_id=caller.user_id, spare=caller.session_id)

    async def list_of(
        self, caller: Caller, user_id: UUID, *, after: UUID | None, limit: int
    ) -> list[Session]:
        """A page of where a user is signed in, the one seen last first."""
        await self._acts.require(caller)
        return await self._sessions.live_of(user_id, after=after, limit=limit)

    async def end_of(self, caller: Caller, user_id: UUID, session_id: UUID) -> None:
        """End one of a user's sessions. Raises `NotFound`."""
        await self._acts.require(caller)
        await self._end(caller, "admin_session_end", user_id=user_id, session_id=session_id)

    async def end_all_of(self, caller: Caller, user_id: UUID) -> None:
        """End all of a user's sessions."""
        await self._acts.require(caller)
        await self._end(caller, "admin_sessions_end", user_id=user_id)

    async def _require_whole(self, caller: Caller) -> None:
        async with self._audit.following(caller.attempt("sessions", org_id=caller.org_id)):
            caller.require_whole()

    async def _end(
        self,
        caller: Caller,
        event: str,
        *,
        user_id: UUID,
        session_id: UUID | None = None,
        spare: UUID | None = None,
    ) -> None:
        """End them and write that down, in one unit. A row says that something was ended."""
        attempt = caller.attempt(event)
        cause = "ended_by_user"
        if user_id != caller.user_id:
            cause, attempt.target = "ended_by_admin", str(user_id)
        done = self._audit.event(attempt, result=Result.SUCCESS, cause=cause, status=204)

        def write(connection: Connection) -> int:
            ended = self._sessions.end(
                connection, cause=cause, user_id=user_id, session_id=session_id, spare=spare
            )
            if ended:
                self._audit.add(connection, done)
            return ended

        async with self._audit.following(attempt):
            ended = await self._database.write(write)
            if not ended and session_id is not None:
                raise NotFound("Session not found", cause="session_unknown")
        if ended:
            self._audit.log(done)
