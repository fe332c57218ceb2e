"""Who may read the metrics: they tell a stranger of load, and an attacker of their success."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from pydantic import SecretStr
from starlette.requests import Request

from vestibule.errors import NotFound
from vestibule.guard.service import Guard
from vestibule.http.context import context_of
from vestibule.http.networks import is_loopback, parse
from vestibule.http.peer import is_trusted_peer
from vestibule.settings.listening import IPNetwork

PROXIED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
"""Header fields by which a proxy shows itself."""


class MetricsReaders:
    """By default whoever is on this machine; else by network, token or both.

    A proxy on this machine makes strangers look as if they were on it. So who comes through a
    proxy that the settings don't trust is refused, and where the service has an https address,
    which only a proxy can give it, this machine counts for nothing until the proxy is named.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        networks: Sequence[IPNetwork],
        token: SecretStr | None,
        trusted_proxies: Sequence[IPNetwork],
        public_url: str,
    ) -> None:
        self._guard = guard
        self._networks = networks
        self._token = token.get_secret_value().encode() if token is not None else None
        self._trusted = trusted_proxies
        self._trusts_this_machine = bool(trusted_proxies) or public_url.startswith("http://")

    def require(self, request: Request) -> None:
        """Raise `NotFound` for everybody else, as if there were nothing here.

        Raises `UpgradeRequired` for a token that came in the clear where that is not allowed.
        """
        peer = context_of(request).peer
        sent = request.headers.get("authorization", "")
        if self._token is not None and sent and not self._networks:
            # Where networks are named, the token may travel within them as it likes.
            self._guard.require_secure(scheme=peer.scheme, address=peer.address)
        if not (self._is_near(request, peer.address) and self._has_token(sent)):
            raise NotFound()

    def _is_near(self, request: Request, address: str) -> bool:
        proxied = any(name in request.headers for name in PROXIED)
        client = request.client.host if request.client else None
        if proxied and not is_trusted_peer(client, self._trusted):
            return False
        if self._networks:
            parsed = parse(address)
            return parsed is not None and any(parsed in network for network in self._networks)
        if self._token is not None:
            return True
        return self._trusts_this_machine and not proxied and is_loopback(address)

    def _has_token(self, sent: str) -> bool:
        if self._token is None:
            return True
        scheme, _, token = sent.partition(" ")
        right = secrets.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
        return right and scheme.lower() == "bearer"
