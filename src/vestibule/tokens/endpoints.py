"""`/.well-known/jwks.json`: the public keys."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from vestibule.tokens.keys import KeyRing

MAX_AGE = 300
"""Seconds that a cache may keep the keys: well below the time a new one is published ahead."""


def router(*, keys: KeyRing) -> APIRouter:
    """The route of the JWK Set (RFC 7517 §5)."""
    routes = APIRouter(tags=["Keys"])

    @routes.get(
        "/.well-known/jwks.json",
        summary="JSON Web Key Set",
        description="The public keys that verify access tokens",
        operation_id="jwks",
        response_model=dict[str, list[dict[str, Any]]],
    )
    async def jwks() -> Response:
        return JSONResponse(
            await keys.jwks(),
            media_type="application/jwk-set+json",
            headers={"Cache-Control": f"public, max-age={MAX_AGE}"},
        )

    return routes
