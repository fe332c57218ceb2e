"""`/api/v1/user/consents`: the clients that the caller has let in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import AccessForbidden, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.oauth.consents import Consents


class ConsentInfo(BaseModel):
    """What a client was let do."""

    model_config = ConfigDict(from_attributes=True)

    client_id: str
    org_id: UUID | None = Field(description="The organization that it was let into")
    scopes: list[str]
    granted_at: datetime


def router(*, consents: Consents, authenticate: Authenticate) -> APIRouter:
    """The routes of the caller's consents."""
    routes = APIRouter(prefix="/api/v1/user/consents", tags=["User"])

    @routes.get(
        "",
        summary="Own consents",
        description="The clients that the caller has let in, and what for",
        operation_id="list_consents",
        openapi_extra=operation(AccessForbidden, secured=True),
    )
    async def list_consents(request: Request) -> list[ConsentInfo]:
        caller = await authenticate(request, scope=API_READ)
        return [ConsentInfo.model_validate(found) for found in await consents.list_own(caller)]

    @routes.delete(
        "/{client_id}",
        summary="Withdraw a consent",
        description="The client is asked for again, and its sessions end",
        operation_id="withdraw_consent",
        status_code=204,
        response_model=None,
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def withdraw_consent(
        request: Request, client_id: Annotated[str, Path(max_length=100)]
    ) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await consents.withdraw(caller, client_id)
        return Response(status_code=204)

    return routes
