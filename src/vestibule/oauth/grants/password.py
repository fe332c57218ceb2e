"""`password` (RFC 6749 §4.3): the road of the login, for standard libraries."""

from __future__ import annotations

from vestibule.issuing.service import Issued
from vestibule.login.service import Credentials, Login
from vestibule.oauth.grants import TokenRequest, required


class PasswordGrant:
    """A username and a password."""

    def __init__(self, *, login: Login) -> None:
        self._login = login

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`."""
        form = request.form
        return await self._login.password_grant(
            request.client,
            Credentials(
                username=required(form.username, "username"),
                password=required(form.password, "password"),
                scope=form.scope,
            ),
            visit=request.visit,
            attempt=request.attempt,
            jkt=request.jkt,
            id_token=True,
        )
