"""`POST /api/v1/auth/login`: HTTP in and out, no decisions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Audit
from vestibule.clients.authentication import basic_credentials
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    AuthenticationFailed,
    BadGateway,
    GatewayTimeout,
    InvalidRequest,
    NotFound,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.http.forms import FORM, read_form
from vestibule.http.operations import operation
from vestibule.http.visit import visit_of
from vestibule.issuing.admission import ClientCredentials
from vestibule.issuing.answers import token_response
from vestibule.issuing.schemas import AccessTokenResponse
from vestibule.issuing.trail import attempt_of
from vestibule.login.schemas import LoginForm
from vestibule.login.service import Credentials, Login
from vestibule.metrics.service import Metrics

LOGIN_ERRORS = (
    AuthenticationFailed, AccessForbidden, NotFound, AlreadyExists, ValidationFailed,
    UpgradeRequired, RateLimited, BadGateway, GatewayTimeout,
)  # fmt: skip


def router(*, service: Login, audit: Audit, metrics: Metrics) -> APIRouter:
    """The login route."""
    routes = APIRouter(prefix="/api/v1/auth", tags=["Authentication"])

    @routes.post(
        "/login",
        summary="Login",
        description="Login with username and password",
        operation_id="login",
        response_model=AccessTokenResponse,
        response_description="Successful Response",
        openapi_extra=operation(
            *LOGIN_ERRORS,
            requestBody={
                "required": True,
                "content": {FORM: {"schema": {"$ref": "#/components/schemas/LoginForm"}}},
            },
        ),
    )
    async def login(request: Request) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "login")
        async with audit.following(attempt):
            form = await read_form(request, LoginForm)
            issued = await service.sign_in(
                Credentials(username=form.username, password=form.password, scope=form.scope),
                client_credentials=_client(request, form),
                visit=visit,
                attempt=attempt,
            )
        metrics.issued("password")
        return token_response(issued)

    return routes


def _client(request: Request, form: LoginForm) -> ClientCredentials:
    basic = basic_credentials(request.headers.get("authorization"))
    if basic is None:
        return ClientCredentials(client_id=form.client_id, client_secret=form.client_secret)
    # RFC 6749 §2.3: one method of client authentication a request.
    if form.client_secret is not None or form.client_id not in (None, basic[0]):
        raise InvalidRequest("Client credentials were sent in two ways", cause="client_twice")
    return ClientCredentials(client_id=basic[0], client_secret=basic[1])
