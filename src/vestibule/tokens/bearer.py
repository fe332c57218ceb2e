"""Who is calling, by the bearer token of a request (RFC 6750 §2.1)."""

from __future__ import annotations

from starlette.requests import Request

from vestibule.errors import AuthenticationFailed
from vestibule.tokens.service import Subject, Tokens


async def caller(request: Request, tokens: Tokens) -> Subject:
    """Whom the request's access token speaks of.

    Raises `AuthenticationFailed`; without an error code where no token was sent at all, as
    RFC 6750 §3.1 asks.
    """
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationFailed("An access token is needed", cause="no_token")
    return await tokens.verify(token.strip())
