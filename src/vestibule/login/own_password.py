"""A person's own new password, by the present one."""

from __future__ import annotations

from pydantic import SecretStr

from vestibule.access.caller import Caller
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import AccessForbidden, AuthenticationFailed
from vestibule.http.visit import Visit
from vestibule.login.service import Credentials, Login
from vestibule.users.service import Users


class OwnPassword:
    """Changes the password of whoever knows it."""

    def __init__(self, *, login: Login, users: Users, audit: Audit) -> None:
        self._login = login
        self._users = users
        self._audit = audit

    async def change(
        self, caller: Caller, *, current: SecretStr, new: SecretStr, visit: Visit
    ) -> None:
        """Put the new one in the present one's place; all other sessions of the caller end.

        Raises `AccessForbidden` for a wrong password, an API key, and where a directory keeps
        the password; `ValidationFailed`, and what the road of a login raises.
        """
        attempt = caller.attempt("password_change")
        async with self._audit.following(attempt):
            if caller.session_id is None:
                raise AccessForbidden("An API key can't change the password", cause="api_key")
            event = self._audit.event(attempt, result=Result.SUCCESS, cause="changed", status=204)
            try:
                # The road of a login: a stolen token must not be a way around its limits.
                verified = await self._login.identify(
                    Credentials(username=caller.username, password=current),
                    visit=visit,
                    attempt=attempt,
                )
                if verified.directory is not None:
                    raise AccessForbidden(
                        "The password is kept by the directory that you sign in through",
                        cause="directory_password",
                    )
                await self._users.set_password(
                    verified.user,
                    new,
                    spare=caller.session_id,
                    verified=True,
                    also=lambda connection: self._audit.add(connection, event),
                )
            except AuthenticationFailed as error:
                # Not 401: the token is good, and another one would not help.
                raise AccessForbidden("The current password is wrong", cause=error.cause) from None
        self._audit.log(event)
