"""`/api/v1/auth/refresh` and `/logout`: what plain clients do after the login."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.access.caller import Authenticate
from vestibule.audit.service import Audit
from vestibule.errors import (
    AccessForbidden,
    AuthenticationFailed,
    InvalidGrant,
    NotFound,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.http.forms import MAX_SECRET, parameters_body, read_parameters
from vestibule.http.operations import SECURED, operation
from vestibule.http.visit import visit_of
from vestibule.issuing.admission import Admission, ClientCredentials
from vestibule.issuing.answers import NO_STORE, token_response
from vestibule.issuing.refresh import Refresh
from vestibule.issuing.revocation import Revocation
from vestibule.issuing.schemas import AccessTokenResponse
from vestibule.issuing.trail import attempt_of
from vestibule.metrics.service import Metrics
from vestibule.sessions.service import Origin


class RefreshRequest(BaseModel):
    """A refresh token, and what its client proves itself with."""

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: str | None = Field(default=None, max_length=100)
    client_secret: SecretStr | None = Field(default=None, max_length=MAX_SECRET)
    refresh_token: SecretStr = Field(min_length=1, max_length=MAX_SECRET)
    scope: str = Field(
        default="", max_length=1000, description="Less than before, or another `org:KEY`"
    )


class LogoutRequest(BaseModel):
    """The session to end, by its refresh token; without one, that of the access token."""

    model_config = ConfigDict(hide_input_in_errors=True)

    refresh_token: SecretStr | None = Field(default=None, max_length=MAX_SECRET)


def router(
    *,
    refresh: Refresh,
    revocation: Revocation,
    admission: Admission,
    authenticate: Authenticate,
    audit: Audit,
    metrics: Metrics,
) -> APIRouter:
    """The routes of a session that goes on, or ends."""
    routes = APIRouter(prefix="/api/v1/auth", tags=["Authentication"])

    @routes.post(
        "/refresh",
        summary="Refresh",
        description="The next tokens for a refresh token, which is spent by this",
        operation_id="refresh",
        response_model=AccessTokenResponse,
        openapi_extra=operation(
            InvalidGrant,
            AuthenticationFailed,
            AccessForbidden,
            NotFound,
            ValidationFailed,
            UpgradeRequired,
            RateLimited,
            requestBody=parameters_body(RefreshRequest),
        ),
    )
    async def renew(request: Request) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "refresh")
        async with audit.following(attempt):
            asked = await read_parameters(request, RefreshRequest)
            client = await admission.admit(
                ClientCredentials(client_id=asked.client_id, client_secret=asked.client_secret),
                visit,
                attempt,
            )
            async with admission.counting_guesses(client, visit):
                issued = await refresh.renew(
                    client=client,
                    refresh_token=asked.refresh_token,
                    scope=asked.scope,
                    jkt=None,
                    origin=Origin(visit.address, visit.user_agent),
                    attempt=attempt,
                )
        metrics.issued("refresh_token")
        return token_response(issued)

    @routes.post(
        "/logout",
        summary="Logout",
        description="Ends the session of the refresh token, or of the access token",
        operation_id="logout",
        status_code=204,
        response_model=None,
        openapi_extra=operation(
            AuthenticationFailed,
            ValidationFailed,
            UpgradeRequired,
            requestBody=parameters_body(LogoutRequest, required=False),
            security=[{}, *SECURED],
        ),
    )
    async def logout(request: Request) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "logout")
        async with audit.following(attempt):
            asked = await read_parameters(request, LogoutRequest, optional=True)
            if asked.refresh_token is not None:
                admission.guard.require_secure(scheme=visit.scheme, address=visit.address)
                await revocation.log_out(asked.refresh_token, attempt=attempt)
            else:
                caller = await authenticate(request)
                attempt.user_id, attempt.client_id = caller.user_id, caller.client_id
                if caller.session_id is not None:
                    await revocation.end_session(
                        caller.session_id, cause="logged_out", attempt=attempt
                    )
        return Response(status_code=204, headers=NO_STORE)

    return routes
