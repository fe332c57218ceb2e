"""Accounts, for administrators of the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.access.acts import Acts, not_administrator
from vestibule.access.caller import Caller
from vestibule.audit.models import AuditEvent
from vestibule.audit.service import Audit
from vestibule.errors import Conflict, NotFound
from vestibule.ids import new_id
from vestibule.users import repository
from vestibule.users.models import User
from vestibule.users.service import Users


class UserAdministration:
    """Finds, makes, disables and opens accounts.

    Every method raises `AccessForbidden` for everybody else, and `NotFound` for an account that
    does not exist. What is done stands in the trail, with the account's id as its target.
    """

    def __init__(self, *, users: Users, audit: Audit) -> None:
        self._users = users
        self._acts = Acts(audit)

    async def search(
        self, caller: Caller, start: str, *, after: str, limit: int
    ) -> tuple[list[User], str]:
        """See `Users.search`."""
        await self._acts.require(caller)
        return await self._users.search(start, after=after, limit=limit)

    async def get(self, caller: Caller, user_id: UUID) -> User:
        """The account of this id."""
        await self._acts.require(caller)
        return await self._existing(user_id)

    async def create(
        self,
        caller: Caller,
        *,
        username: str,
        email_address: str | None,
        first_name: str,
        last_name: str,
        password: SecretStr | None,
    ) -> User:
        """A new account. Raises `ValidationFailed`, `AlreadyExists`.

        Without a password nobody can sign in until one is set, by a mailed link for example.
        """
        user_id = new_id()
        async with self._acts.act(caller, "user_create", target=user_id) as attempt:
            event = self._acts.done(attempt, status=201)
            user = await self._users.create(
                user_id=user_id,
                username=username,
                email_address=email_address,
                first_name=first_name,
                last_name=last_name,
                password=password,
                also=lambda c: self._write_down(c, caller, event),
            )
        self._acts.audit.log(event)
        return user

    async def rename(
        self, caller: Caller, user_id: UUID, *, first_name: str, last_name: str
    ) -> None:
        """Change what the person is called. Raises `ValidationFailed`."""
        await self._change(
            caller, "user_update", user_id, first_name=first_name, last_name=last_name
        )

    async def vouch(self, caller: Caller, user_id: UUID) -> None:
        """Take it from the administrator that the address is the person's."""
        await self._change(caller, "user_email_verify", user_id, email_verified=True)

    async def set_active(self, caller: Caller, user_id: UUID, *, is_active: bool) -> None:
        """Enable, or disable and end all sessions. Raises `Conflict` for one's own account."""
        event = "user_enable" if is_active else "user_disable"
        await self._change(caller, event, user_id, own=is_active, is_active=is_active)

    async def set_admin(self, caller: Caller, user_id: UUID, *, is_admin: bool) -> None:
        """Make an administrator, or none any more. Raises `Conflict` for one's own account.

        So there is always one left: whoever has done it.
        """
        event = "user_admin_grant" if is_admin else "user_admin_revoke"
        await self._change(caller, event, user_id, own=is_admin, is_admin=is_admin)

    async def set_password(self, caller: Caller, user_id: UUID, password: SecretStr) -> None:
        """Replace the password, and end all sessions. Raises `ValidationFailed`."""
        async with self._acts.act(caller, "user_password_set", target=user_id) as attempt:
            user = await self._existing(user_id)
            event = self._acts.done(attempt)
            await self._users.set_password(
                user,
                password,
                spare=caller.session_id,
                also=lambda c: self._write_down(c, caller, event),
            )
        self._acts.audit.log(event)

    async def _change(
        self, caller: Caller, name: str, user_id: UUID, *, own: bool = True, **changes: Any
    ) -> None:
        async with self._acts.act(caller, name, target=user_id) as attempt:
            if not own and user_id == caller.user_id:
                raise Conflict("You can't do this to your own account", cause="own_account")
            user = await self._existing(user_id)
            event = self._acts.done(attempt)
            await self._users.update(
                user, also=lambda c: self._write_down(c, caller, event), **changes
            )
        self._acts.audit.log(event)

    def _write_down(self, connection: Connection, caller: Caller, event: AuditEvent) -> None:
        # Two who take it from each other at once: one of them has lost it by now.
        if not repository.still_administers(connection, caller.user_id):
            raise not_administrator()
        self._acts.audit.add(connection, event)

    async def _existing(self, user_id: UUID) -> User:
        user = await self._users.get(user_id)
        if user is None:
            raise NotFound("User not found", cause="user_unknown")
        return user
