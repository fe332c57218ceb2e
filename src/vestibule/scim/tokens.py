r"""How a token of an identity provider is written: `vsts_` + id + `_` + 256 random bits."""

from __future__ import annotations

import hashlib
import re
import secrets
from uuid import UUID

from pydantic import SecretStr

PREFIX = "/scim/v2"
"""The path that tokens open."""
TOKEN = re.compile(r"vsts_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")
"""The form of one, for secret scanners as well."""


def new_token(token_id: UUID) -> SecretStr:
    """A token of this id."""
    return SecretStr(f"vsts_{token_id.hex}_{secrets.token_urlsafe(32)}")


def parse(text: str) -> UUID | None:
    """The id of a token; None for what can't be one."""
    match = TOKEN.fullmatch(text)
    return UUID(hex=match[1]) if match else None


def digest_of(text: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
