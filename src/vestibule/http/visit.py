"""What a request says of where it comes from, as a value that services may be handed."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from vestibule.http.context import context_of
from vestibule.http.networks import network_of


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request comes from."""

    address: str
    network: str
    """The address as limits count it."""
    scheme: str
    """The URL scheme that the other side used."""
    user_agent: str
    request_id: str
    client_version: str | None = None


def visit_of(request: Request) -> Visit:
    """Where this request comes from."""
    context = context_of(request)
    return Visit(
        address=context.peer.address,
        network=network_of(context.peer.address),
        scheme=context.peer.scheme,
        user_agent=request.headers.get("user-agent", ""),
        request_id=context.request_id,
        client_version=request.headers.get("x-client-version"),
    )
