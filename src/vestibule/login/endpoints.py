"""`POST /api/v1/auth/login`: HTTP in and out, no decisions."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Attempt, Audit
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
from vestibule.http.context import context_of
from vestibule.http.forms import FORM, read_form
from vestibule.http.networks import network_of
from vestibule.http.operations import operation
from vestibule.login.schemas import AccessTokenResponse, LoginForm
from vestibule.login.service import Credentials, Login, SignedIn
from vestibule.orgs.models import Membership
from vestibule.orgs.schemas import OrgInfo

LOGIN_ERRORS = (
    AuthenticationFailed, AccessForbidden, NotFound, AlreadyExists, ValidationFailed,
    UpgradeRequired, RateLimited, BadGateway, GatewayTimeout,
)  # fmt: skip


def router(*, service: Login, audit: Audit) -> APIRouter:
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
        context = context_of(request)
        attempt = Attempt(
            event="login",
            address=context.peer.address,
            network=network_of(context.peer.address),
            request_id=context.request_id,
        )
        async with audit.following(attempt):
            credentials = await _credentials(request, scheme=context.peer.scheme)
            signed_in = await service.sign_in(credentials, attempt)
        return _answer(signed_in)

    return routes


async def _credentials(request: Request, *, scheme: str) -> Credentials:
    form = await read_form(request, LoginForm)
    client_id, client_secret = _client(request, form)
    return Credentials(
        username=form.username,
        password=form.password,
        client_id=client_id,
        client_secret=client_secret,
        scope=form.scope,
        user_agent=request.headers.get("user-agent"),
        client_version=request.headers.get("x-client-version"),
        scheme=scheme,
    )


def _client(request: Request, form: LoginForm) -> tuple[str | None, SecretStr | None]:
    basic = basic_credentials(request.headers.get("authorization"))
    if basic is None:
        return form.client_id, form.client_secret
    # RFC 6749 §2.3: one method of client authentication a request.
    if form.client_secret is not None or form.client_id not in (None, basic[0]):
        raise InvalidRequest("Client credentials were sent in two ways", cause="client_twice")
    return basic


def _answer(signed_in: SignedIn) -> Response:
    refresh_token = signed_in.refresh_token
    body = AccessTokenResponse(
        access_token=signed_in.access_token,
        default_org=_org_info(signed_in.default_org) if signed_in.default_org else None,
        expires_in=signed_in.expires_in,
        orgs=[_org_info(membership) for membership in signed_in.orgs],
        refresh_token=refresh_token.get_secret_value() if refresh_token else None,
        scope=signed_in.scope,
        token_type="Bearer",  # noqa: S106  (RFC 6750's name of the type)
    )
    # RFC 6749 §5.1: a refresh token that was not issued is not named, while the contract's
    # own `default_org` may be null.
    absent = {"refresh_token"} if refresh_token is None else None
    return Response(
        content=body.model_dump_json(exclude=absent),
        media_type="application/json",
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    )


def _org_info(membership: Membership) -> OrgInfo:
    return OrgInfo(key=membership.organization.key, name=membership.organization.name)
