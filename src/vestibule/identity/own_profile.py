"""What people change of their own account, where no directory says what stands there."""

from __future__ import annotations

from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden
from vestibule.identity.registry import Registry
from vestibule.users import repository as users
from vestibule.users.service import checked_text


class OwnProfile:
    """A caller's own names."""

    def __init__(self, *, registry: Registry, audit: Audit, clock: Clock) -> None:
        self._registry = registry
        self._audit = audit
        self._clock = clock

    async def rename(self, caller: Caller, *, first_name: str, last_name: str) -> None:
        """Change both names. Raises `ValidationFailed`, and `AccessForbidden` as the class says.

        A directory would put its own names back at the next sign-in.
        """
        attempt = caller.attempt("profile_update")
        async with self._audit.following(attempt):
            caller.require_whole()
            if await self._registry.answering_for(caller.user_id) is not None:
                raise AccessForbidden(
                    "Your name is kept by the directory that you sign in through",
                    cause="directory_profile",
                )
            values = {
                "first_name": checked_text(first_name, "first_name"),
                "last_name": checked_text(last_name, "last_name"),
                "updated_at": utc(self._clock),
            }
            await self._audit.succeeded(
                attempt, status=200, work=lambda c: users.change(c, caller.user_id, values)
            )
