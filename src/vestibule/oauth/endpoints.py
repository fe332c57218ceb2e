"""`/oauth2/*` for machines, HTTP in and out. The pages for people stand in `pages/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vestibule.access.caller import Authenticate
from vestibule.audit.service import Attempt, Audit
from vestibule.clients.models import Client
from vestibule.devices.endpoints import device_code_response
from vestibule.devices.schemas import DeviceCodeResponse
from vestibule.devices.service import Devices
from vestibule.errors import (
    AuthenticationFailed,
    AuthorizationPending,
    ExpiredToken,
    InvalidDpopProof,
    InvalidGrant,
    RateLimited,
    SlowDown,
    UnauthorizedClient,
    UnsupportedGrantType,
    UpgradeRequired,
)
from vestibule.http.forms import form_body, read_form
from vestibule.http.operations import operation
from vestibule.http.visit import Visit, visit_of
from vestibule.issuing.admission import Admission
from vestibule.issuing.answers import NO_STORE, token_response
from vestibule.issuing.profile import profile_claims
from vestibule.issuing.revocation import Revocation
from vestibule.issuing.schemas import AccessTokenResponse
from vestibule.issuing.trail import attempt_of
from vestibule.oauth import metadata
from vestibule.oauth.credentials import client_credentials_of
from vestibule.oauth.errors import oauth_errors
from vestibule.oauth.introspection import Introspector
from vestibule.oauth.schemas import (
    AnyTokenForm,
    ClientForm,
    DeviceForm,
    Introspection,
    TokenForm,
    UserInfo,
)
from vestibule.oauth.service import PATH, TokenEndpoint
from vestibule.tokens.dpop import HEADER
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.service import Tokens, invalid_token
from vestibule.users.service import Users

CLIENT_ERRORS = (AuthenticationFailed, UnauthorizedClient, UpgradeRequired, RateLimited)
TOKEN_ERRORS = (
    *CLIENT_ERRORS, InvalidGrant, UnsupportedGrantType, InvalidDpopProof, AuthorizationPending,
    SlowDown, ExpiredToken,
)  # fmt: skip
SIGNED = "application/token-introspection+jwt"


Form = TypeVar("Form", bound=ClientForm)


@dataclass(frozen=True, slots=True)
class _Call(Generic[Form]):
    """A request of a client that has proved who it is."""

    form: Form
    client: Client
    visit: Visit
    attempt: Attempt


def router(
    *,
    token_endpoint: TokenEndpoint,
    introspector: Introspector,
    revocation: Revocation,
    devices: Devices,
    admission: Admission,
    tokens: Tokens,
    audit: Audit,
) -> APIRouter:
    """The endpoints that clients call with a form and their own credentials."""
    routes = APIRouter(prefix="/oauth2", tags=["OAuth 2.0"])

    @asynccontextmanager
    async def called(request: Request, form: type[Form], event: str) -> AsyncIterator[_Call[Form]]:
        """What all of them begin with; the trail tells the errors that the client is told."""
        visit = visit_of(request)
        attempt = attempt_of(visit, event)
        async with audit.following(attempt):
            with oauth_errors():
                sent = await read_form(request, form)
                credentials = client_credentials_of(request, sent)
                client = await admission.admit(credentials, visit, attempt)
                yield _Call(sent, client, visit, attempt)

    @routes.post(
        PATH.removeprefix("/oauth2"),
        summary="Token endpoint",
        description="Tokens for a grant (RFC 6749 §3.2)",
        operation_id="oauth_token",
        response_model=AccessTokenResponse,
        openapi_extra=operation(*TOKEN_ERRORS, oauth=True, requestBody=form_body(TokenForm)),
    )
    async def token(request: Request) -> Response:
        async with called(request, TokenForm, "token") as call:
            issued = await token_endpoint.answer(
                call.form,
                client=call.client,
                proofs=request.headers.getlist(HEADER),
                visit=call.visit,
                attempt=call.attempt,
            )
        return token_response(issued)

    @routes.post(
        "/device_authorization",
        summary="Device authorization endpoint",
        description="Starts a device login (RFC 8628 §3.1)",
        operation_id="oauth_device_authorization",
        response_model=DeviceCodeResponse,
        openapi_extra=operation(*CLIENT_ERRORS, oauth=True, requestBody=form_body(DeviceForm)),
    )
    async def device_authorization(request: Request) -> Response:
        async with called(request, DeviceForm, "device_start") as call:
            started = await devices.start(
                client=call.client, scope=call.form.scope, visit=call.visit, attempt=call.attempt
            )
        return device_code_response(started, issuer=tokens.issuer, expires_in=devices.lifetime)

    @routes.post(
        "/introspect",
        summary="Introspection endpoint",
        description="Whether a token is alive, for the services behind (RFC 7662)",
        operation_id="oauth_introspect",
        response_model=Introspection,
        openapi_extra=operation(*CLIENT_ERRORS, oauth=True, requestBody=form_body(AnyTokenForm)),
    )
    async def introspect(request: Request) -> Response:
        async with called(request, AnyTokenForm, "introspect") as call:
            answer = await introspector.inspect(
                call.form.token, client=call.client, attempt=call.attempt
            )
        if SIGNED in request.headers.get("accept", ""):
            signed = await tokens.introspection(
                answer.model_dump(exclude_none=True), audience=call.client.client_id
            )
            return Response(signed, media_type=SIGNED, headers=NO_STORE)
        return Response(
            answer.model_dump_json(exclude_none=True),
            media_type="application/json",
            headers=NO_STORE,
        )

    @routes.post(
        "/revoke",
        summary="Revocation endpoint",
        description="Ends a token before its time (RFC 7009)",
        operation_id="oauth_revoke",
        response_model=None,
        openapi_extra=operation(*CLIENT_ERRORS, oauth=True, requestBody=form_body(AnyTokenForm)),
    )
    async def revoke(request: Request) -> Response:
        async with called(request, AnyTokenForm, "revoke") as call:
            await revocation.revoke(call.form.token, client=call.client, attempt=call.attempt)
        return JSONResponse({}, headers=NO_STORE)

    return routes


def discovery_router(
    *, tokens: Tokens, keys: KeyRing, users: Users, authenticate: Authenticate
) -> APIRouter:
    """The metadata documents, and the claims about a person."""
    routes = APIRouter(tags=["OpenID Connect"])

    @routes.get(
        "/.well-known/oauth-authorization-server",
        summary="Authorization server metadata",
        description="RFC 8414",
        operation_id="oauth_metadata",
        openapi_extra=operation(),
    )
    @routes.get(
        "/.well-known/openid-configuration",
        summary="OpenID provider configuration",
        description="OpenID Connect Discovery 1.0",
        operation_id="openid_configuration",
        openapi_extra=operation(),
    )
    async def configuration() -> dict[str, Any]:
        return metadata.document(issuer=tokens.issuer, algorithms=await keys.algorithms())

    @routes.post(
        "/oauth2/userinfo",
        summary="UserInfo endpoint",
        description="As by GET (OpenID Connect Core §5.3.1)",
        operation_id="post_userinfo",
        response_model_exclude_none=True,
        openapi_extra=operation(secured=True),
    )
    @routes.get(
        "/oauth2/userinfo",
        summary="UserInfo endpoint",
        description="Claims about the person (OpenID Connect Core §5.3)",
        operation_id="get_userinfo",
        response_model_exclude_none=True,
        openapi_extra=operation(secured=True),
    )
    async def userinfo(request: Request) -> UserInfo:
        caller = await authenticate(request, scope="openid")
        user = await users.get(caller.user_id)
        if user is None:
            raise invalid_token("user_gone")
        return UserInfo(sub=str(user.id), **profile_claims(user, caller.scopes))

    return routes
