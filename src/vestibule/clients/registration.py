"""What a client may be registered with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from packaging.version import InvalidVersion, Version

from vestibule.clients.models import ClientKind, Grant
from vestibule.errors import ValidationFailed

CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
SCOPE = re.compile(r"[!#-\[\]-~]{1,100}")
"""A scope-token of RFC 6749 §3.3."""
FIRST_PARTY = "vestibule"
"""The `client_id` of the built-in client, which stands where a request names none."""

RESERVED = {FIRST_PARTY, "null", "new"}
"""Not to be registered: the login form takes `null` for none, and a page is named `new`."""

MAX_URI = 2000
MIN_RSA_BITS = 2048
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def check_registration(
    *,
    client_id: str,
    kind: ClientKind,
    grants: Iterable[str],
    scopes: Iterable[str],
    minimum_version: str | None,
    redirect_uris: Iterable[str],
    jwks: dict[str, Any] | None,
) -> None:
    """Raise `ValidationFailed` for the first thing that can't be."""
    if not CLIENT_ID.fullmatch(client_id) or client_id in RESERVED or _is_uuid(client_id):
        # RFC 9068 §5: the `sub` of a client itself must never be taken for a user's.
        raise ValidationFailed.of(
            "client_id", "A client_id is up to 100 of A-Z a-z 0-9 . _ ~ -, and no UUID"
        )
    unknown = set(grants) - set(Grant)
    if unknown:
        raise ValidationFailed.of("grants", f"Not a grant: {', '.join(sorted(unknown))}")
    if kind is ClientKind.PUBLIC and Grant.CLIENT_CREDENTIALS in grants:
        # RFC 6749 §4.4: anybody could be that client.
        raise ValidationFailed.of("grants", "A public client can't have client_credentials")
    if not all(SCOPE.fullmatch(scope) and not scope.startswith("org:") for scope in scopes):
        raise ValidationFailed.of("scopes", "A scope is printable ASCII without space, and no org:")
    try:
        Version(minimum_version or "0")
    except InvalidVersion:
        raise ValidationFailed.of("minimum_version", "A version is of the form 1.2.3") from None
    for uri in redirect_uris:
        _check_redirect_uri(uri)
    if jwks is not None:
        _check_jwks(kind, jwks)


def _check_redirect_uri(uri: str) -> None:
    """RFC 6749 §3.1.2, RFC 9700 §2.1: absolute, no fragment, TLS unless it stays on the machine.

    A native app's own scheme must hold a dot (RFC 8252 §7.1), which keeps out `javascript:`,
    `data:` and their like.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _no_redirect_uri() from None
    web = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    native = "." in parts.scheme
    if (
        len(uri) > MAX_URI
        or not uri.isascii()
        or not uri.isprintable()
        or any(c in uri for c in " \\#*")
        or "@" in parts.netloc
        or not ((web and parts.hostname) or native)
    ):
        raise _no_redirect_uri()


def _no_redirect_uri() -> ValidationFailed:
    return ValidationFailed.of(
        "redirect_uris", "A redirect URI is an absolute https URL without fragment"
    )


def _check_jwks(kind: ClientKind, jwks: dict[str, Any]) -> None:
    if kind is not ClientKind.CONFIDENTIAL:
        raise ValidationFailed.of("jwks", "A public client has no keys")
    try:
        keys = KeySet.import_key_set(jwks).keys  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        keys = []
    if not keys or not all(map(_is_strong_public_key, keys)):
        raise ValidationFailed.of(
            "jwks", "A JWK Set of public EC, OKP or RSA keys (2,048 bits or more) is needed"
        )


def _is_strong_public_key(key: Any) -> bool:
    if key.is_private or key.key_type not in ("EC", "RSA", "OKP"):
        return False
    return key.key_type != "RSA" or bool(key.raw_value.key_size >= MIN_RSA_BITS)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
