"""What administrators of the service do: allowed, done, and written down together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vestibule.access.caller import Caller
from vestibule.audit.models import AuditEvent, Result
from vestibule.audit.service import Attempt, Audit
from vestibule.errors import AccessForbidden


class Acts:
    """The one way in for administrators of the service."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit

    @asynccontextmanager
    async def act(
        self, caller: Caller, event: str, *, target: object = None
    ) -> AsyncIterator[Attempt]:
        """Do something to `target`; the trail has what is refused, and whoever does it says so.

        Raises `AccessForbidden` for everybody else.
        """
        attempt = caller.attempt(event)
        attempt.target = None if target is None else str(target)
        async with self.audit.following(attempt):
            require_administrator(caller)
            yield attempt

    async def require(self, caller: Caller) -> None:
        """Raise `AccessForbidden` for everybody else, which the trail has; a look leaves no row."""
        if not caller.is_admin:
            async with self.audit.following(caller.attempt("admin")):
                require_administrator(caller)

    def done(self, attempt: Attempt, *, status: int = 200) -> AuditEvent:
        """The row of an act, to be added with what it writes and logged once that is committed."""
        return self.audit.event(attempt, result=Result.SUCCESS, cause="done", status=status)


def require_administrator(caller: Caller) -> None:
    """Raise `AccessForbidden` for whoever does not administer the service."""
    if not caller.is_admin:
        raise not_administrator()


def not_administrator() -> AccessForbidden:
    """The error of whoever is none, or none any more."""
    return AccessForbidden("Only an administrator may do this", cause="not_admin")
