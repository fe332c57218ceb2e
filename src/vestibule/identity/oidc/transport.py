"""Questions to a provider: JSON, bounded in size and time, no redirects, TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from vestibule.errors import BadGateway, GatewayTimeout
from vestibule.identity.oidc.addresses import is_safe
from vestibule.identity.oidc.configuration import OidcConfiguration
from vestibule.verify import jose
from vestibule.verify.http import MAX_DOCUMENT

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=16, keepalive_expiry=60)
"""How many there are at once is bounded above: see `Upstream`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON object, and the status that it came with."""

    status: int
    body: dict[str, Any]


class Transport:
    """Raises `BadGateway` and `GatewayTimeout` alone, and nothing of what was sent goes along."""

    def __init__(self, configuration: OidcConfiguration) -> None:
        self._configuration = configuration
        self._client: httpx.AsyncClient | None = None

    async def get(self, url: str, *, bearer: str | None = None) -> Reply:
        """What stands there."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self._ask("GET", url, headers=headers)

    async def post(
        self, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None
    ) -> Reply:
        """What comes of a form; `basic` are name and password of HTTP (RFC 7617)."""
        return await self._ask("POST", url, data=dict(form), auth=basic)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Bounds all questions of one sign-in together."""
        try:
            async with asyncio.timeout(self._configuration.timeout):
                yield
        except TimeoutError:
            raise GatewayTimeout(cause="directory_silent") from None

    async def close(self) -> None:
        """Let all connections go."""
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, method: str, url: str, **arguments: Any) -> Reply:
        arguments["headers"] = {**HEADERS, **arguments.get("headers", {})}
        try:
            if not is_safe(url, insecure=self._configuration.insecure):
                raise ValueError
            async with self._connected().stream(method, url, **arguments) as response:
                body = await _body(response)
        except httpx.TimeoutException:
            raise GatewayTimeout(cause="directory_silent") from None
        except httpx.ConnectError:
            raise BadGateway(cause="directory_unreachable") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise BadGateway(cause="directory_garbled") from None
        return Reply(response.status_code, body)

    def _connected(self) -> httpx.AsyncClient:
        # Made at the first question: connections belong to the loop that asks.
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=ssl.create_default_context(cadata=self._configuration.ca_certificates)
                if self._configuration.ca_certificates
                else True,
                timeout=self._configuration.timeout,
                limits=CONNECTIONS,
                follow_redirects=False,
            )
        return self._client


async def _body(response: httpx.Response) -> dict[str, Any]:
    """The object. Raises `ValueError` for what is none, too large, compressed, or a redirect."""
    # Compressed, a small answer could become a huge one.
    if response.is_redirect or response.headers.get("content-encoding", "identity") != "identity":
        raise ValueError
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise ValueError
    try:
        return jose.parse(bytes(content))
    except jose.Malformed:
        if response.is_error:
            return {}  # a page that says so to people
        raise
