"""Client credentials in the `Authorization` field: `client_secret_basic`, RFC 6749 §2.3.1."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from pydantic import SecretStr

from vestibule.errors import InvalidRequest


def basic_credentials(authorization: str | None) -> tuple[str, SecretStr | None] | None:
    """(client_id, client_secret) of a Basic `Authorization` field; None where there is none.

    An empty secret is no secret: clients without one send it so. Other schemes say nothing of
    a client: a program may well send its former token along. Raises `InvalidRequest` for what
    can't be decoded.
    """
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        client_id, colon, secret = decoded.partition(":")
        if not colon or not client_id:
            raise ValueError
        # Both parts are form-encoded before they are joined.
        client_id = unquote_plus(client_id, errors="strict")
        secret = unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise InvalidRequest("The Basic credentials can't be read", cause="authorization") from None
    return client_id, SecretStr(secret) if secret else None
