"""What a person has let clients do: to see it, and to take it back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import NotFound
from vestibule.oauth import repository
from vestibule.oauth.models import Consent
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database


class Consents:
    """A caller's own consents.

    Every method raises `AccessForbidden` for a credential that is for some organizations only: it
    must not speak for the whole person.
    """

    def __init__(self, *, database: Database, sessions: Sessions, audit: Audit) -> None:
        self._database = database
        self._sessions = sessions
        self._audit = audit

    async def list_own(self, caller: Caller) -> Sequence[Consent]:
        """All of them, by client."""
        async with self._audit.following(caller.attempt("consents")):
            caller.require_whole()
        return await self._database.read(
            lambda c: repository.consents_of(c, user_id=caller.user_id)
        )

    async def withdraw(self, caller: Caller, client_id: str) -> None:
        """Take back what one client was let do, and end its sessions. Raises `NotFound`."""
        attempt = caller.attempt("consent_withdraw")
        event = self._audit.event(attempt, result=Result.SUCCESS, cause="withdrawn", status=204)

        def write(connection: Connection) -> int:
            withdrawn = repository.withdraw_consent(
                connection, user_id=caller.user_id, client_id=client_id
            )
            if withdrawn:
                self._sessions.end(
                    connection, cause="consent_withdrawn", user_id=caller.user_id,
                    client_id=client_id,
                )  # fmt: skip
                self._audit.add(connection, event)
            return withdrawn

        async with self._audit.following(attempt):
            caller.require_whole()
            if not await self._database.write(write):
                raise NotFound("Consent not found", cause="consent_unknown")
        self._audit.log(event)
