"""Where the answer of an authorization may be sent (RFC 9700 §2.1, §4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Collection

LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[0-9]{1,5})?(?=[/?]|\Z)")


def is_registered(uri: str, registered: Collection[str]) -> bool:
    """Whether it is one of those registered: compared to the letter (RFC 9700 §2.1).

    But for the port of a native app that listens on its own machine: it can't choose it
    beforehand (§4.1.3, RFC 8252 §7.3).
    """
    if uri in registered:
        return True
    portless = _without_port(uri)
    return portless is not None and portless in map(_without_port, registered)


def _without_port(uri: str) -> str | None:
    """A loopback URI without its port; None for any other."""
    found = LOOPBACK.match(uri)
    return found[1] + uri[found.end() :] if found else None
