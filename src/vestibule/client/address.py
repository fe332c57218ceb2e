"""Where the service is, and whether secrets may be sent there."""

from __future__ import annotations

import ipaddress

import httpx

from vestibule.client.failures import InsecureAddress


def checked(base_url: str, *, allow_insecure_http: bool) -> str:
    """The address without a slash at its end.

    Raises `InsecureAddress` for plain HTTP to anything but this machine, unless that is allowed,
    and for what is no address of a service.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise InsecureAddress("The address of the service is no URL") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise InsecureAddress("The address of the service must begin with https:// or http://")
    if url.userinfo or url.query or url.fragment:
        raise InsecureAddress("The address of the service must not hold a user, ? or #")
    if url.scheme == "http" and not allow_insecure_http and not _is_loopback(url.host):
        raise InsecureAddress("Plain http would show the password to everybody on the way")
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # RFC 6761 §6.3: these names never leave the machine.
        return host == "localhost" or host.endswith(".localhost")
