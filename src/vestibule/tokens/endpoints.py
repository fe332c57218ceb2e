"""`/.well-known/jwks.json`: the public keys."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from vestibule.http.operations import operation
from vestibule.tokens.keys import KeyRing

MAX_AGE = 300
"""Seconds that a cache may keep the keys: well below the time a new one is published ahead."""


class JWKSetResponse(JSONResponse):
    """JSON of the registered media type (RFC 7517 §8.5.2)."""

    media_type = "application/jwk-set+json"


def router(*, keys: KeyRing) -> APIRouter:
    """The route of the JWK Set (RFC 7517 §5)."""
    routes = APIRouter(tags=["Keys"])

    @routes.get(
        "/.well-known/jwks.json",
        summary="JSON Web Key Set",
        description="The public keys that verify access tokens",
        operation_id="jwks",
        openapi_extra=operation(),
        response_model=dict[str, list[dict[str, Any]]],
        response_class=JWKSetResponse,
    )
    async def jwks() -> Response:
        return JWKSetResponse(
            await keys.jwks(),
            headers={"Cache-Control": f"public, max-age={MAX_AGE}"},
        )

    return routes
