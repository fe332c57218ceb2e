"""`POST /api/v1/user/password`: a person's own new password."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_WRITE, Authenticate
from vestibule.errors import (
    AccessForbidden,
    BadGateway,
    GatewayTimeout,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.http.forms import MAX_SECRET
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.http.visit import visit_of
from vestibule.login.own_password import OwnPassword


class PasswordChange(BaseModel):
    """The present password and the new one."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    current_password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )
    new_password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )


def router(*, own_password: OwnPassword, authenticate: Authenticate) -> APIRouter:
    """The route of the caller's password."""
    routes = APIRouter(prefix="/api/v1/user", tags=["User"], route_class=StrictRoute)

    @routes.post(
        "/password",
        summary="Change the password",
        description="Ends all other sessions of the caller",
        operation_id="change_password",
        status_code=204,
        response_model=None,
        openapi_extra=operation(
            AccessForbidden,
            ValidationFailed,
            RateLimited,
            UpgradeRequired,
            BadGateway,
            GatewayTimeout,
            secured=True,
        ),
    )
    async def change_password(request: Request, change: PasswordChange) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await own_password.change(
            caller,
            current=change.current_password,
            new=change.new_password,
            visit=visit_of(request),
        )
        return Response(status_code=204)

    return routes
