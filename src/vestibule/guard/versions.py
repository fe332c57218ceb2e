"""The oldest version of a client that may still sign in."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

from vestibule.errors import UpgradeRequired

MAX_HEADER = 512
"""Characters of a header that are read."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
    stated = (x_client_version or "")[:MAX_HEADER].strip()
    claimed = stated or _from_user_agent(client_id, (user_agent or "")[:MAX_HEADER])
    if _at_least(claimed, minimum):
        return
    raise UpgradeRequired(
        f"Update this client to version {minimum} or later",
        upgrade=f"{_NO_TOKEN.sub('-', client_id)}/{_NO_TOKEN.sub('-', minimum)}",
        cause="client_version",
    )


def _from_user_agent(client_id: str, user_agent: str) -> str:
    """The version that is claimed; empty where none is, also of a client that only says who."""
    products = [word.partition("/") for word in _without_comments(user_agent).split()]
    products = [product for product in products if _TOKEN.fullmatch(product[0])]
    for name, _, version in products:
        if name.lower() == client_id.lower():
            return version
    return products[0][2] if products else ""


def _without_comments(user_agent: str) -> str:
    """The field with a space for each comment.

    Comments nest, which a regular expression can't follow, and one that is never closed, as
    where the field was cut, reaches to the end (RFC 9110 §5.6.5).
    """
    kept: list[str] = []
    depth, quoted = 0, False
    for character in user_agent:
        if quoted:
            quoted = False
        elif depth and character == "\\":
            quoted = True
        elif character == "(":
            depth += 1
            kept.append(" ")
        elif depth and character == ")":
            depth -= 1
        elif not depth:
            kept.append(character)
    return "".join(kept)


def _at_least(claimed: str, minimum: str) -> bool:
    try:
        return Version(claimed) >= Version(minimum)
    except InvalidVersion:
        return False
