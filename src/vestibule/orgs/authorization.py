"""Every unit of work on an organization for a caller: allowed first, then done and written down.

Whoever works through these two methods can't forget the policy, the trail or the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.audit.service import Attempt, Audit
from vestibule.orgs import repository
from vestibule.orgs.policy import Action, Standing, require
from vestibule.storage.database import Database

T = TypeVar("T")
Work = Callable[[Connection, Standing], T]
"""Rows in, rows out, within an organization that the caller may do this in."""


class Authorization:
    """Runs work on organizations for those who may."""

    def __init__(self, *, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def read(self, caller: Caller, *, org: str, action: Action, work: Work[T]) -> T:
        """What the work returns. Raises what `require` and the work raise; the trail has it."""
        attempt = caller.attempt(action.value)

        def unit(connection: Connection) -> T:
            return work(connection, admit(connection, caller, org, action, attempt))

        async with self._audit.following(attempt):
            return await self._database.read(unit)

    async def write(
        self, caller: Caller, *, org: str, action: Action, status: int, work: Work[T]
    ) -> T:
        """As `read`; what is written and its row in the trail, told `status`, are one commit."""
        attempt = caller.attempt(action.value)

        def unit(connection: Connection) -> T:
            # Again, within the transaction: the caller may have lost the role meanwhile.
            return work(connection, admit(connection, caller, org, action, attempt, lock=True))

        async with self._audit.following(attempt):
            # Whoever may not is told so by a reader, and can't keep the one writer busy.
            await self._database.read(lambda c: admit(c, caller, org, action, attempt))
            return await self._audit.succeeded(attempt, status=status, work=unit)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """What the work reads, outside of any one organization."""
        return await self._database.read(work)


def admit(
    connection: Connection,
    caller: Caller,
    org: str,
    action: Action,
    attempt: Attempt,
    *,
    lock: bool = False,
) -> Standing:
    """How the caller stands to the organization of this key, where that allows the action."""
    standing = repository.standing(connection, key=org, user_id=caller.user_id, lock=lock)
    if standing is not None:
        # Also for a stranger: the trail tells an owner who tried the door.
        attempt.org_id = standing.organization.id
    return require(caller, standing, action)
