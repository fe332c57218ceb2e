"""Tokens as a forger makes them: by hand, because a library would refuse to."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any


def b64(value: bytes | dict[str, Any] | list[Any]) -> str:
    """base64url without padding, of bytes or of JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(header, claims, signature) of a token."""
    header, claims, signature = token.split(".")
    return _json(header), _json(claims), signature


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    """A token with whatever stands in for a signature."""
    return f"{b64(header)}.{b64(claims)}.{signature}"


def hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token under a shared secret."""
    signed = f"{b64(header)}.{b64(claims)}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def deep(levels: int = 3000) -> bytes:
    """JSON that is nothing but nested."""
    return b"[" * levels + b"]" * levels


def _json(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return value
