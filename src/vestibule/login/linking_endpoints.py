"""`POST /api/v1/user/identities`: a person ties their account to a directory that knows them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request

from vestibule.access.caller import API_WRITE, Authenticate
from vestibule.audit.models import Result
from vestibule.audit.service import Audit
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    BadGateway,
    GatewayTimeout,
    NotFound,
    RateLimited,
    UpgradeRequired,
    ValidationFailed,
)
from vestibule.guard.service import Guard
from vestibule.http.forms import MAX_SECRET
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.http.visit import visit_of
from vestibule.identity.linking import Linking
from vestibule.identity.registry import Registry
from vestibule.tokens.service import invalid_token
from vestibule.users.service import Users


class IdentityLink(BaseModel):
    """Who the caller is in a directory."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    directory: str = Field(max_length=63, description="The directory's key")
    username: str = Field(min_length=1, max_length=320, description="Their name there")
    password: SecretStr = Field(
        min_length=1,
        max_length=MAX_SECRET,
        description="Their password there",
        json_schema_extra={"format": "password"},
    )


def router(
    *,
    registry: Registry,
    linking: Linking,
    guard: Guard,
    users: Users,
    authenticate: Authenticate,
    audit: Audit,
) -> APIRouter:
    """The route that links."""
    routes = APIRouter(prefix="/api/v1/user", tags=["User"], route_class=StrictRoute)

    @routes.post(
        "/identities",
        status_code=204,
        summary="Link the account to a directory",
        description="From now on the directory answers for it, and its local password is gone",
        operation_id="link_own_identity",
        openapi_extra=operation(
            AccessForbidden,
            NotFound,
            AlreadyExists,
            ValidationFailed,
            RateLimited,
            UpgradeRequired,
            BadGateway,
            GatewayTimeout,
            secured=True,
        ),
    )
    async def link_own_identity(request: Request, link: IdentityLink) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        attempt = caller.attempt("directory_link")
        visit = visit_of(request)
        async with audit.following(attempt):
            if caller.session_id is None:
                raise AccessForbidden("An API key can't link an account", cause="api_key")
            caller.require_whole()
            user = await users.get(caller.user_id)
            if user is None:
                raise invalid_token("user_gone")
            upstream = (await registry.current()).active(link.directory)
            if upstream is None:
                raise NotFound("Directory not found", cause="directory_unknown")

            async def known() -> bool:
                return True  # a stolen token must not be a way around the limits of the account

            # Counted as a try at the person there, whoever tries it.
            digest = audit.digest(f"{link.directory} {link.username.casefold()}")
            admission = await guard.admit_account(
                account=f"?{digest}", network=visit.network, is_known=known
            )
            async with admission:
                profile = await upstream.authenticate(link.username, link.password)
                if profile is None:
                    await admission.failed()
                    # Not 401: the token is good, and another one would not help.
                    raise AccessForbidden(
                        "The directory does not take this name and password", cause="password"
                    )
                await admission.succeeded()
            await linking.link(upstream.configuration, profile, user=user)
            event = audit.event(attempt, result=Result.SUCCESS, cause="linked", status=204)
            await audit.record(event)

    return routes
