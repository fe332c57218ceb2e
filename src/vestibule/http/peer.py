"""Who is on the other side: the peer's address, or what trusted proxies say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from vestibule.settings.listening import IPNetwork

MAX_HOPS = 32
"""Hops read from the right; a longer chain is somebody's nonsense."""

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Peer:
    """The client's address as text ("unknown" where there is none) and the URL scheme it used."""

    address: str
    scheme: str


def resolve_peer(
    *, client: str | None, scheme: str, headers: Iterable[Header], trusted: Sequence[IPNetwork]
) -> Peer:
    """The nearest address that is not one of our own proxies.

    `Forwarded` (RFC 7239) is preferred over `X-Forwarded-For` and `X-Forwarded-Proto`. They are
    read from the right, where our own proxies wrote, and only as far as each hop is trusted:
    what stands further left was sent by the client and is no fact.
    """
    address = _parse(client)
    if address is None:
        return Peer(address="unknown", scheme=scheme)
    if not trusted or not _is_trusted(address, trusted):
        return Peer(address=str(address), scheme=scheme)

    for hop, proto in _hops(headers):
        scheme = proto or scheme
        if hop is None:
            break
        address = hop
        if not _is_trusted(hop, trusted):
            break
    return Peer(address=str(address), scheme=scheme)


def is_trusted_peer(client: str | None, trusted: Sequence[IPNetwork]) -> bool:
    """Whether the other end of the connection is a proxy that is believed."""
    address = _parse(client) if trusted else None
    return address is not None and _is_trusted(address, trusted)


def _hops(headers: Iterable[Header]) -> list[tuple[IPv4Address | IPv6Address | None, str | None]]:
    """(address, scheme) of each hop, nearest first."""
    forwarded, addresses, schemes = [], [], []
    for name, value in headers:
        if name == b"forwarded":
            forwarded += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-for":
            addresses += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            schemes += value.decode("latin-1").split(",")
    if forwarded:
        return [_forwarded_element(element) for element in forwarded[::-1][:MAX_HOPS]]
    nearest_schemes = [_scheme(item) for item in schemes[::-1]]
    # Most proxies write one scheme for the whole chain, so the nearest one stands for all.
    first = nearest_schemes[0] if nearest_schemes else None
    chain = addresses[::-1][:MAX_HOPS] or ([""] if first else [])
    return [
        (_parse(item), nearest_schemes[i] if i < len(nearest_schemes) else None)
        for i, item in enumerate(chain)
    ]


def _forwarded_element(element: str) -> tuple[IPv4Address | IPv6Address | None, str | None]:
    address, scheme = None, None
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        value = value.strip().strip('"')
        if name.lower() == "for":
            address = _parse(value)
        elif name.lower() == "proto":
            scheme = _scheme(value)
    return address, scheme


def _scheme(value: str) -> str | None:
    value = value.strip().lower()
    return value if value in ("http", "https") else None


@lru_cache(maxsize=1024)
def _parse(value: str | None) -> IPv4Address | IPv6Address | None:
    if not value:
        return None
    value = value.strip()
    if value.startswith("["):
        value = value[1:].partition("]")[0]
    elif value.count(":") == 1:
        value = value.partition(":")[0]
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in trusted)
