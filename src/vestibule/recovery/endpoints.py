"""Forgotten passwords and verification. HTTP in and out, no decisions."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import API_WRITE, Authenticate
from vestibule.audit.service import Audit
from vestibule.errors import (
    AccessForbidden,
    Conflict,
    NotFound,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.http.forms import MAX_SECRET
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.http.visit import visit_of
from vestibule.issuing.trail import attempt_of
from vestibule.recovery.service import Recovery

MAX_TOKEN = 100


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ForgottenPassword(Body):
    """Whose password is forgotten."""

    username: str = Field(min_length=1, max_length=320, description="Username or e-mail address")


class MailedToken(Body):
    """What stood in the link."""

    token: SecretStr = Field(
        min_length=1, max_length=MAX_TOKEN, description="`token` of the link that was mailed"
    )


class PasswordReset(MailedToken):
    """What stood in the link, and the new password."""

    password: SecretStr = Field(
        min_length=1, max_length=MAX_SECRET, json_schema_extra={"format": "password"}
    )


def router(*, recovery: Recovery, authenticate: Authenticate, audit: Audit) -> APIRouter:
    """The routes of links by mail."""
    routes = APIRouter(prefix="/api/v1", tags=["Recovery"], route_class=StrictRoute)

    @routes.post(
        "/auth/password/forgotten",
        status_code=202,
        response_class=Response,
        summary="Forgotten password",
        description="Mails a link to the account's address. The answer is the same whether there "
        "is such an account or not",
        operation_id="forgotten_password",
        response_model=None,
        openapi_extra=operation(ValidationFailed, RateLimited, UpgradeRequired),
    )
    async def forgotten_password(request: Request, body: ForgottenPassword) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "password_forgotten")
        await recovery.forgotten(body.username, visit=visit, attempt=attempt)
        return Response(status_code=202)

    @routes.post(
        "/auth/password/reset",
        status_code=204,
        summary="Set a new password by a mailed link",
        description="Ends all sessions of the account. A link works once",
        operation_id="reset_password",
        openapi_extra=operation(NotFound, ValidationFailed, RateLimited, UpgradeRequired),
    )
    async def reset_password(request: Request, body: PasswordReset) -> None:
        visit = visit_of(request)
        attempt = attempt_of(visit, "password_reset")
        async with audit.following(attempt):
            await recovery.reset(body.token, body.password, visit=visit, attempt=attempt)

    @routes.post(
        "/user/email/verification",
        status_code=202,
        response_class=Response,
        summary="Verify the own address",
        description="Mails a link to it",
        operation_id="send_verification",
        response_model=None,
        openapi_extra=operation(AccessForbidden, Conflict, RateLimited, secured=True),
    )
    async def send_verification(request: Request) -> Response:
        caller = await authenticate(request, scope=API_WRITE)
        await recovery.send_verification(caller, network=visit_of(request).network)
        return Response(status_code=202)

    @routes.post(
        "/auth/email/verify",
        status_code=204,
        summary="Prove an address by a mailed link",
        description="A link works once",
        operation_id="verify_email",
        openapi_extra=operation(NotFound, ValidationFailed, RateLimited, UpgradeRequired),
    )
    async def verify_email(request: Request, body: MailedToken) -> None:
        visit = visit_of(request)
        attempt = attempt_of(visit, "email_verify")
        async with audit.following(attempt):
            await recovery.verify(body.token, visit=visit, attempt=attempt)

    return routes
