"""Where a provider may be reached."""

from __future__ import annotations

from urllib.parse import urlsplit

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe(url: str, *, insecure: bool) -> bool:
    """Whether nobody on the way can read or forge what is said there.

    That needs TLS, but on this machine, and where an operator has asked otherwise by name.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        return False
    if not usable or parts.username is not None:
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and (insecure or parts.hostname in THIS_MACHINE)
    )
