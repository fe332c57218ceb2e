"""`refresh_token` (RFC 6749 §6): the next tokens of a session."""

from __future__ import annotations

from vestibule.issuing.refresh import Refresh
from vestibule.issuing.service import Issued
from vestibule.oauth.grants import TokenRequest, required
from vestibule.sessions.service import Origin


class RefreshTokenGrant:
    """A refresh token."""

    def __init__(self, *, refresh: Refresh) -> None:
        self._refresh = refresh

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`."""
        return await self._refresh.renew(
            client=request.client,
            refresh_token=required(request.form.refresh_token, "refresh_token"),
            scope=request.form.scope,
            jkt=request.jkt,
            origin=Origin(request.visit.address, request.visit.user_agent),
            attempt=request.attempt,
            id_token=True,
        )
