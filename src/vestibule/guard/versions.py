"""The oldest version of a client that may still sign in."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

from vestibule.errors import UpgradeRequired

MAX_HEADER = 512
"""Characters of a header that are read."""

_COMMENT = re.compile(r"\([^()]*\)")
_PRODUCT = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)/([0-9A-Za-z.+!_-]+)")
_NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")


def check_version(
    *, client_id: str, minimum: str | None, user_agent: str | None, x_client_version: str | None
) -> None:
    """Raise `UpgradeRequired` for a client that is older than `minimum`, or doesn't say.

    `X-Client-Version` says it, else the product of `User-Agent` (RFC 9110 §10.1.5) that is
    named as the client, else the first product.
    """
    if minimum is None:
        return
    claimed = (x_client_version or "")[:MAX_HEADER] or _from_user_agent(client_id, user_agent)
    if _at_least(claimed, minimum):
        return
    raise UpgradeRequired(
        f"Update this client to version {minimum} or later",
        upgrade=f"{_NO_TOKEN.sub('-', client_id)}/{minimum}",
        cause="client_version",
    )


def _from_user_agent(client_id: str, user_agent: str | None) -> str | None:
    products = _PRODUCT.findall(_COMMENT.sub(" ", (user_agent or "")[:MAX_HEADER]))
    for name, version in products:
        if name.lower() == client_id.lower():
            return str(version)
    return str(products[0][1]) if products else None


def _at_least(claimed: str | None, minimum: str) -> bool:
    try:
        return claimed is not None and Version(claimed) >= Version(minimum)
    except InvalidVersion:
        return False
