"""`/api/v1/auth/device`: the contract's three routes, HTTP in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Audit
from vestibule.devices.models import DeviceStatus
from vestibule.devices.schemas import (
    DeviceCodeRequest,
    DeviceCodeResponse,
    DeviceState,
    DeviceTokenRequest,
)
from vestibule.devices.service import Devices, Started
from vestibule.devices.user_codes import shown
from vestibule.errors import (
    AccessForbidden,
    AuthenticationFailed,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    NotFound,
    RateLimited,
    SlowDown,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.http.forms import MAX_SECRET, parameters_body, read_parameters
from vestibule.http.operations import operation
from vestibule.http.visit import visit_of
from vestibule.issuing.admission import Admission, ClientCredentials
from vestibule.issuing.answers import NO_STORE, token_response
from vestibule.issuing.schemas import AccessTokenResponse
from vestibule.issuing.trail import attempt_of
from vestibule.metrics.service import Metrics


def router(
    *, devices: Devices, admission: Admission, audit: Audit, metrics: Metrics, issuer: str
) -> APIRouter:
    """The routes of a device that signs in."""
    routes = APIRouter(prefix="/api/v1/auth/device", tags=["Device login"])

    @routes.post(
        "/code",
        summary="Start a device login",
        description="A code for the device and one for the person. No body is needed",
        operation_id="start_device_login",
        response_model=DeviceCodeResponse,
        openapi_extra=operation(
            AuthenticationFailed,
            AccessForbidden,
            ValidationFailed,
            UpgradeRequired,
            RateLimited,
            requestBody=parameters_body(DeviceCodeRequest, required=False),
        ),
    )
    async def start(request: Request) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "device_start")
        async with audit.following(attempt):
            wish = await read_parameters(request, DeviceCodeRequest, optional=True)
            client = await admission.admit(
                ClientCredentials(client_id=wish.client_id, client_secret=wish.client_secret),
                visit,
                attempt,
            )
            started = await devices.start(
                client=client, scope=wish.scope, visit=visit, attempt=attempt
            )
        return device_code_response(started, issuer=issuer, expires_in=devices.lifetime)

    @routes.get(
        "/code/{device_code}",
        summary="State of a device login",
        description="Whether somebody has approved it",
        operation_id="get_device_login",
        openapi_extra=operation(
            AccessForbidden, NotFound, ExpiredToken, ValidationFailed, UpgradeRequired
        ),
    )
    async def state(
        request: Request, device_code: Annotated[str, Path(max_length=MAX_SECRET)]
    ) -> DeviceState:
        async with audit.following(attempt_of(visit_of(request), "device_state")):
            login = await devices.state(SecretStr(device_code), visit=visit_of(request))
        if login.status is DeviceStatus.PENDING:
            return DeviceState(status="pending", user_id=None)
        return DeviceState(status="authorized", user_id=login.user_id)

    @routes.post(
        "/token",
        summary="Finish a device login",
        description="The login response, once somebody has approved it",
        operation_id="finish_device_login",
        response_model=AccessTokenResponse,
        openapi_extra=operation(
            AuthorizationPending,
            SlowDown,
            ExpiredToken,
            InvalidGrant,
            AuthenticationFailed,
            AccessForbidden,
            ValidationFailed,
            UpgradeRequired,
            RateLimited,
            requestBody=parameters_body(DeviceTokenRequest),
        ),
    )
    async def token(request: Request) -> Response:
        visit = visit_of(request)
        attempt = attempt_of(visit, "device_token")
        async with audit.following(attempt):
            asked = await read_parameters(request, DeviceTokenRequest)
            client = await admission.admit(
                ClientCredentials(client_id=asked.client_id, client_secret=asked.client_secret),
                visit,
                attempt,
            )
            async with admission.counting_guesses(client, visit):
                issued = await devices.redeem(
                    client=client, device_code=asked.device_code, visit=visit, attempt=attempt
                )
        metrics.issued("device_code")
        return token_response(issued)

    return routes


def device_code_response(started: Started, *, issuer: str, expires_in: int) -> Response:
    """The answer of RFC 8628 §3.2, with the contract's `verification_url` beside."""
    page = f"{issuer}/login/device"
    user_code = shown(started.login.user_code)
    body = DeviceCodeResponse(
        device_code=started.device_code.get_secret_value(),
        user_code=user_code,
        verification_url=page,
        verification_uri=page,
        verification_uri_complete=f"{page}?code={user_code}",
        expires_in=expires_in,
        interval=started.login.interval,
    )
    return Response(body.model_dump_json(), media_type="application/json", headers=NO_STORE)
