"""The organization that somebody enters where nothing says which."""

from __future__ import annotations

from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, NotFound
from vestibule.orgs import repository
from vestibule.users import repository as users


class DefaultOrganization:
    """A caller's own choice. It stays theirs alone: nobody else sets it for them."""

    def __init__(self, *, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    async def choose(self, caller: Caller, key: str) -> None:
        """From now on this one is entered; where the key is empty, none is until it is asked.

        Raises `NotFound` alike for one that there isn't and one that the caller is no member of,
        `AccessForbidden` for one that is suspended.
        """
        attempt = caller.attempt("org_default")

        def write(connection: Connection) -> None:
            attempt.org_id = None
            if key:
                found = repository.memberships_of(connection, caller.user_id)
                organization = next(
                    (m.organization for m in found if m.organization.key == key), None
                )
                if organization is None:
                    raise NotFound("Organization not found", cause="org_unknown")
                attempt.org_id = organization.id
                if not organization.is_active:
                    raise AccessForbidden("This organization is suspended", cause="org_suspended")
            values = {"default_org_id": attempt.org_id, "updated_at": utc(self._clock)}
            users.change(connection, caller.user_id, values)

        async with self._audit.following(attempt):
            caller.require_whole()
            await self._audit.succeeded(attempt, status=200, work=write)
