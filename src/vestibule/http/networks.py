"""Which addresses count as one."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


@lru_cache(maxsize=1024)
def parse(address: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4-mapped one as IPv4; None for what is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """What limits count by: an IPv4 address itself, of IPv6 the /64 that one site gets."""
    parsed = parse(address)
    if parsed is None:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def is_loopback(address: str) -> bool:
    """Whether it is this machine; what can't be read counts as remote."""
    parsed = parse(address)
    return parsed is not None and parsed.is_loopback
