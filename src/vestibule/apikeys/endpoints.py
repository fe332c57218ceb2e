"""`/api/v1/user/api-keys`: HTTP in and out, no decisions."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Authenticate, Caller
from vestibule.apikeys.format import prefix_of
from vestibule.apikeys.models import ApiKey
from vestibule.apikeys.schemas import ApiKeyRecord, ApiKeyWithSecret, NewApiKey
from vestibule.apikeys.service import ApiKeys, Wish
from vestibule.audit.service import Audit
from vestibule.errors import AccessForbidden, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute

NO_STORE = {"Cache-Control": "no-store"}


def router(*, keys: ApiKeys, authenticate: Authenticate, audit: Audit) -> APIRouter:
    """The routes of the caller's own API keys."""
    routes = APIRouter(prefix="/api/v1/user/api-keys", tags=["API keys"], route_class=StrictRoute)

    # As dependencies they come before the body is looked at: a stranger is told 401, not 422.
    async def reader(request: Request) -> Caller:
        return await authenticate(request, scope=API_READ)

    async def writer(request: Request) -> Caller:
        return await authenticate(request, scope=API_WRITE)

    may_read, may_write = Depends(reader), Depends(writer)

    @routes.post(
        "",
        summary="Create an API key",
        description="A key with which a program acts for the caller; it is shown this once",
        operation_id="create_api_key",
        status_code=201,
        response_model=ApiKeyWithSecret,
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def create_api_key(asked: NewApiKey, caller: Caller = may_write) -> Response:
        attempt = caller.attempt("api_key_create")
        async with audit.following(attempt):
            made, secret = await keys.create(caller, _wish(asked), attempt)
        return _with_secret(made, secret, status=201)

    @routes.get(
        "",
        summary="List API keys",
        description="The caller's API keys that are not revoked, without their secrets",
        operation_id="list_api_keys",
        openapi_extra=operation(secured=True),
    )
    async def list_api_keys(caller: Caller = may_read) -> list[ApiKeyRecord]:
        return [ApiKeyRecord(**_shown(key)) for key in await keys.list(caller)]

    @routes.delete(
        "/self",
        summary="Let an API key revoke itself",
        description="Ends the API key that the request carries, where it is allowed to",
        operation_id="revoke_own_api_key",
        status_code=204,
        response_class=Response,
        openapi_extra=operation(AccessForbidden, secured=True),
    )
    async def revoke_own_api_key(request: Request) -> Response:
        # No scope is asked for: to end itself is the one thing that every key can be given.
        caller = await authenticate(request)
        attempt = caller.attempt("api_key_revoke")
        async with audit.following(attempt):
            await keys.revoke_self(caller, attempt)
        return Response(status_code=204, headers=NO_STORE)

    @routes.get(
        "/{key_id:uuid}",
        summary="One API key",
        description="One of the caller's API keys, without its secret",
        operation_id="get_api_key",
        openapi_extra=operation(NotFound, secured=True),
    )
    async def get_api_key(key_id: UUID, caller: Caller = may_read) -> ApiKeyRecord:
        return ApiKeyRecord(**_shown(await keys.get(caller, key_id)))

    @routes.post(
        "/{key_id:uuid}/rotate",
        summary="Rotate an API key",
        description="A new secret for the same key, shown this once; the former ends at once",
        operation_id="rotate_api_key",
        response_model=ApiKeyWithSecret,
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def rotate_api_key(key_id: UUID, caller: Caller = may_write) -> Response:
        attempt = caller.attempt("api_key_rotate")
        async with audit.following(attempt):
            rotated, secret = await keys.rotate(caller, key_id, attempt)
        return _with_secret(rotated, secret, status=200)

    @routes.delete(
        "/{key_id:uuid}",
        summary="Revoke an API key",
        description="Ends one of the caller's API keys for good",
        operation_id="revoke_api_key",
        status_code=204,
        response_class=Response,
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def revoke_api_key(key_id: UUID, caller: Caller = may_write) -> Response:
        attempt = caller.attempt("api_key_revoke")
        async with audit.following(attempt):
            await keys.revoke(caller, key_id, attempt)
        return Response(status_code=204, headers=NO_STORE)

    return routes


def _wish(asked: NewApiKey) -> Wish:
    return Wish(
        name=asked.name,
        org=asked.org_id,
        workspace_id=asked.workspace_id,
        allowed_scopes=None if asked.allowed_scopes is None else frozenset(asked.allowed_scopes),
        allow_self_revoke=asked.allow_self_revoke,
        expires_at=asked.expires_at,
        expires_in=asked.expires_in,
    )


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": prefix_of(key.id),
        "hint": key.hint,
        "org_id": key.org_id,
        "workspace_id": key.workspace_id,
        "allowed_scopes": None if key.allowed_scopes is None else sorted(key.allowed_scopes),
        "allow_self_revoke": key.allow_self_revoke,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }


def _with_secret(key: ApiKey, secret: SecretStr, *, status: int) -> Response:
    body = ApiKeyWithSecret(**_shown(key), key=secret.get_secret_value())
    return Response(
        content=body.model_dump_json(),
        status_code=status,
        media_type="application/json",
        headers=NO_STORE,
    )
