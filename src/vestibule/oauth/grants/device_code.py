"""`urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4)."""

from __future__ import annotations

from vestibule.devices.service import Devices
from vestibule.errors import AccessForbidden, InvalidRequest
from vestibule.issuing.service import Issued
from vestibule.oauth.grants import TokenRequest, required


class DeviceCodeGrant:
    """A device code that somebody may have approved."""

    def __init__(self, *, devices: Devices) -> None:
        self._devices = devices

    async def __call__(self, request: TokenRequest) -> Issued:
        """See `GrantHandler`; also `AuthorizationPending`, `SlowDown`, `ExpiredToken` (§3.5)."""
        try:
            return await self._devices.redeem(
                client=request.client,
                device_code=required(request.form.device_code, "device_code"),
                visit=request.visit,
                attempt=request.attempt,
                jkt=request.jkt,
                id_token=True,
            )
        except AccessForbidden as error:
            # §3.5 answers a refusal with 400.
            raise InvalidRequest(error.detail, cause=error.cause, oauth="access_denied") from None
