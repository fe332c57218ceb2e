"""ID tokens (OpenID Connect Core §2), read strictly."""

from __future__ import annotations

import hmac
from typing import Any

from vestibule.clock import Clock
from vestibule.errors import BadGateway
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.identity.oidc.provider import Provider
from vestibule.verify import jose

LEEWAY = 60
"""Seconds that the provider's clock and ours may differ."""
LONGEST = 64 * 1024
"""Characters: a person may be in many groups."""
KEYS = 4
"""Keys that are tried where a token names none."""


class IdTokens:
    """Verifies the ID tokens of one provider."""

    def __init__(
        self, configuration: OidcConfiguration, *, provider: Provider, clock: Clock
    ) -> None:
        self._configuration = configuration
        self._provider = provider
        self._clock = clock

    async def claims(self, token: str, *, nonce: str | None = None) -> dict[str, Any]:
        """What it says, checked as OpenID Connect Core §3.1.3.7 demands. Raises `BadGateway`.

        `nonce` is what the request carried, where it went through a browser. The signature is
        checked although the token came straight from the provider: TLS may end before it.
        """
        try:
            fields = jose.header(token, types=("", "jwt"), longest=LONGEST)
            kid = jose.key_id(fields) if "kid" in fields else None
        except jose.Malformed:
            raise BadGateway(cause="directory_id_token") from None
        for key in (await self._provider.keys(kid))[:KEYS]:
            try:
                claims = jose.verified(token, key)
            except jose.Malformed:
                continue
            if self._is_for_us(claims) and self._is_in_time(claims) and _answers(claims, nonce):
                return claims
        raise BadGateway(cause="directory_id_token")

    def _is_for_us(self, claims: dict[str, Any]) -> bool:
        ours = self._configuration.client_id
        audience = claims.get("aud")
        several = isinstance(audience, list)
        if claims.get("iss") != self._configuration.issuer:
            return False
        if audience != ours and not (isinstance(audience, list) and ours in audience):
            return False
        # For several, one is named that it was issued to; where one is named, it is us.
        lonely = not several or audience == [ours]
        return bool(claims.get("azp", ours if lonely else None) == ours)

    def _is_in_time(self, claims: dict[str, Any]) -> bool:
        now = self._clock.time()
        expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
        if expires is None or issued is None:
            return False
        not_before = _seconds(claims, "nbf") if "nbf" in claims else issued
        if not_before is None:
            return False
        return now < expires + LEEWAY and max(issued, not_before) <= now + LEEWAY


def _answers(claims: dict[str, Any], nonce: str | None) -> bool:
    if nonce is None:
        return True
    given = claims.get("nonce")
    return isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode())


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    # True and false are numbers to Python.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
