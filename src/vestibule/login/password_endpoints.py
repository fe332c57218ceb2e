"""`POST /api/v1/user/password`: a person's own new password."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_WRITE, Authenticate
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import (
    AccessForbidden,
    AuthenticationFailed,
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
from vestibule.login.service import Credentials, Login
from vestibule.users.service import Users


class PasswordChange(BaseModel):
    """The present password and the new one."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    current_password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )
    new_password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )


def router(*, login: Login, users: Users, authenticate: Authenticate, audit: Audit) -> APIRouter:
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
        attempt = caller.attempt("password_change")
        async with audit.following(attempt):
            if caller.session_id is None:
                raise AccessForbidden("An API key can't change the password", cause="api_key")
            event = audit.event(attempt, result=Result.SUCCESS, cause="changed", status=204)
            try:
                # The road of a login: a stolen token must not be a way around its limits.
                verified = await login.identify(
                    Credentials(username=caller.username, password=change.current_password),
                    visit=visit_of(request),
                    attempt=attempt,
                )
                if verified.directory is not None:
                    raise AccessForbidden(
                        "The password is kept by the directory that you sign in through",
                        cause="directory_password",
                    )
                await users.set_password(
                    verified.user,
                    change.new_password,
                    spare=caller.session_id,
                    verified=True,
                    also=lambda connection: audit.add(connection, event),
                )
            except AuthenticationFailed as error:
                # Not 401: the token is good, and another one would not help.
                raise AccessForbidden("The current password is wrong", cause=error.cause) from None
        audit.log(event)
        return Response(status_code=204)

    return routes
