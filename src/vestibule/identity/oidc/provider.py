"""What a provider publishes of itself: its endpoints and its keys, kept for a while."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from vestibule.clock import Clock
from vestibule.errors import BadGateway
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.identity.oidc.transport import Transport
from vestibule.verify import jose

VISIBLE = re.compile(r"[\x21-\x7e]{1,2000}")
FRESH = 3600.0
"""Seconds for which metadata and keys are good."""
AGAIN = 10.0
"""Seconds between two looks for a key that was not there: tokens could name any."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Endpoints, as the metadata names them."""

    token_endpoint: str
    authorization_endpoint: str | None
    userinfo_endpoint: str | None
    jwks_uri: str | None
    names_itself: bool
    """Whether it sends the parameter `iss` along with codes (RFC 9207)."""


class Provider:
    """Reads metadata and keys when they are needed. Raises as `Transport` does."""

    def __init__(
        self, configuration: OidcConfiguration, *, transport: Transport, clock: Clock
    ) -> None:
        self._issuer = configuration.issuer
        self._transport = transport
        self._clock = clock
        self._reading = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_at = 0.0
        self._keys: dict[str | None, list[jose.PublicKey]] = {}
        self._keys_at: float | None = None

    async def metadata(self, *, fresh: bool = False) -> Metadata:
        """Where its endpoints are."""
        async with self._reading:
            now = self._clock.monotonic()
            if fresh or self._metadata is None or now - self._metadata_at >= FRESH:
                self._metadata = await self._read()
                self._metadata_at = now
            return self._metadata

    async def keys(self, kid: str | None) -> list[jose.PublicKey]:
        """The keys that may have signed; none where there is no key of this name."""
        jwks_uri = (await self.metadata()).jwks_uri
        if jwks_uri is None:
            return []
        async with self._reading:
            now = self._clock.monotonic()
            age = None if self._keys_at is None else now - self._keys_at
            if age is None or age >= FRESH or (kid not in self._keys and age >= AGAIN):
                self._keys = _by_kid(await self._document(jwks_uri))
                self._keys_at = now
            return self._keys.get(kid, [])

    async def _read(self) -> Metadata:
        last: BadGateway | None = None
        for url in _addresses(self._issuer):
            try:
                document = await self._document(url)
            except BadGateway as error:
                if error.cause != "directory_refused":
                    raise
                last = error  # it may speak OAuth 2.0 alone, and publish that elsewhere
                continue
            if document.get("issuer") != self._issuer:
                # OpenID Connect Discovery §4.3: otherwise one provider could pass for another.
                raise BadGateway(cause="directory_issuer")
            return _metadata(document)
        assert last is not None
        raise last

    async def _document(self, url: str) -> dict[str, Any]:
        reply = await self._transport.get(url)
        if reply.status != 200:
            raise BadGateway(cause="directory_refused")
        return reply.body


def _addresses(issuer: str) -> tuple[str, str]:
    """Where metadata stands: OpenID Connect Discovery §4.1, RFC 8414 §3.1."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = parts._replace(path=f"/.well-known/oauth-authorization-server{path}")
    return (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        urlunsplit(inserted),
    )


def _metadata(document: dict[str, Any]) -> Metadata:
    def url(name: str) -> str | None:
        value = document.get(name)
        return value if isinstance(value, str) and VISIBLE.fullmatch(value) else None

    token_endpoint = url("token_endpoint")
    if token_endpoint is None:
        raise BadGateway(cause="directory_garbled")
    return Metadata(
        token_endpoint=token_endpoint,
        authorization_endpoint=url("authorization_endpoint"),
        userinfo_endpoint=url("userinfo_endpoint"),
        jwks_uri=url("jwks_uri"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _by_kid(document: dict[str, Any]) -> dict[str | None, list[jose.PublicKey]]:
    """Keys by name; by None all of them, for tokens that name none."""
    found: dict[str | None, list[jose.PublicKey]] = {None: []}
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise BadGateway(cause="directory_garbled")
    for jwk in keys[:100]:
        try:
            key = jose.public_key(jwk)
        except jose.Malformed:
            continue  # for encryption, or of a kind that we do not take
        found[None].append(key)
        if isinstance(kid := jwk.get("kid"), str):
            found.setdefault(kid, []).append(key)
    return found
