"""Where the service listens, and whom it believes."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import Field, field_validator

from vestibule.settings.group import CommaSeparated, Group, split

IPNetwork = IPv4Network | IPv6Network
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


class Listening(Group):
    """Addresses, TLS, proxies, browsers, sizes and times of requests."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    issuer: str | None = Field(
        default=None,
        description="Public base URL, the `iss` of every token; by default http://HOST:PORT.",
    )
    trusted_proxies: Annotated[tuple[IPNetwork, ...], CommaSeparated] = Field(
        default=(),
        description="Networks whose `Forwarded` and `X-Forwarded-*` fields are believed.",
    )
    require_tls: Literal["never", "remote", "always"] = Field(
        default="remote",
        description="Refuse credentials over plain HTTP: from all but this machine (`remote`), "
        "from anywhere (`always`), or not at all (`never`, insecure).",
    )
    cors_origins: Annotated[tuple[str, ...], CommaSeparated] = Field(
        default=(), description="Web origins whose pages may call the API."
    )
    api_reference: bool = Field(
        default=True, description="Serve an interactive reference of the API at `/docs`."
    )
    max_body: int = Field(default=16 * 1024, ge=1024, description="Largest request body, in bytes.")
    header_timeout: float = Field(
        default=10,
        gt=0,
        description="Seconds a client may take to send its request line and headers.",
    )
    body_timeout: float = Field(
        default=10, gt=0, description="Seconds a client may take to send its request body."
    )
    drain_timeout: int = Field(
        default=30, ge=1, description="Seconds that requests under way get to end after SIGTERM."
    )

    _split_networks_and_origins = field_validator("trusted_proxies", "cors_origins", mode="before")(
        split
    )

    drain_delay: float = Field(
        default=0,
        ge=0,
        le=300,
        description="Seconds after SIGTERM in which everything is still answered while "
        "`/api/v1/ready` says no; about twice the interval at which a load balancer asks.",
    )

    @field_validator("issuer")
    @classmethod
    def _no_trailing_slash(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/")
        if not ORIGIN.fullmatch(value):
            # No query and no fragment (RFC 8414 §2), and no path: pages, cookies and what is
            # well known stand at the root.
            raise ValueError("must be of the form https://host or https://host:port, in lower case")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if (
                origin == "*"
                or not origin.startswith(("https://", "http://"))
                or origin.endswith("/")
            ):
                raise ValueError("name each origin as scheme://host[:port], without a path")
        return value
