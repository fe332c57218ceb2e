"""For the services behind Vestibule: is this access token good, and whose is it?

Tokens are verified offline (RFC 9068 §4) by the public keys of the issuer. Needs the extra
`verify` and nothing of the server:

    verifier = Verifier(issuer="https://auth.example.org", audience="https://api.example.org")
    token = verifier.verify("eyJ0eXAiOi…")  # or: await verifier.averify(…)
    token.require_scopes("projects:write")

`vestibule.verify.fastapi`, `vestibule.verify.asgi` and `vestibule.verify.django` protect routes.
"""

from __future__ import annotations

from vestibule.verify.errors import (
    ExpiredToken,
    InsufficientScope,
    IntrospectionUnavailable,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    MissingToken,
    Unavailable,
    VerifyError,
)
from vestibule.verify.introspection import IntrospectionOptions
from vestibule.verify.token import AccessToken
from vestibule.verify.verifier import Verifier

__all__ = [
    "AccessToken",
    "ExpiredToken",
    "InsufficientScope",
    "IntrospectionOptions",
    "IntrospectionUnavailable",
    "InvalidProof",
    "InvalidRequest",
    "InvalidToken",
    "KeysUnavailable",
    "MissingToken",
    "Unavailable",
    "Verifier",
    "VerifyError",
]
