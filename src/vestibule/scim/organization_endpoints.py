"""`/api/v1/org/{org}/scim`: tokens of identity providers, and what their groups mean."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request

from vestibule.access.caller import API_READ, API_WRITE, Authenticate
from vestibule.errors import AccessForbidden, NotFound, ValidationFailed
from vestibule.http.operations import operation
from vestibule.http.strict import StrictRoute
from vestibule.orgs.models import Role
from vestibule.scim.administration import ScimAdministration


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewScimToken(Body):
    """A token to be made."""

    name: str = Field(max_length=200, description="What it is for")
    expires_at: AwareDatetime | None = Field(default=None, description="By default it does not end")


class ScimTokenRecord(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the hour")
    revoked_at: datetime | None


class ScimTokenCreated(ScimTokenRecord):
    """A token, with its secret, which is told this once."""

    token: str


class GroupRole(Body):
    """What members of a group are."""

    role: Role | None = Field(description="`member` or `admin`; null for nothing")


class ScimGroupRecord(BaseModel):
    """A group that was provisioned."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    display_name: str
    external_id: str | None
    role: Role | None = Field(description="What its members are in the organization")
    created_at: datetime
    updated_at: datetime


def router(*, administration: ScimAdministration, authenticate: Authenticate) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        prefix="/api/v1/org/{org}/scim", tags=["Provisioning"], route_class=StrictRoute
    )

    @routes.get(
        "/tokens",
        summary="Tokens of identity providers",
        description="For administrators of the organization",
        operation_id="list_scim_tokens",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def list_tokens(request: Request, org: str) -> list[ScimTokenRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await administration.tokens(caller, org=org)
        return [ScimTokenRecord.model_validate(token) for token in found]

    @routes.post(
        "/tokens",
        status_code=201,
        summary="Make a token for an identity provider",
        description="It opens `/scim/v2` for this organization alone, and is told this once. For "
        "administrators of the organization",
        operation_id="create_scim_token",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def create_token(request: Request, org: str, new: NewScimToken) -> ScimTokenCreated:
        caller = await authenticate(request, scope=API_WRITE)
        made = await administration.create(
            caller, org=org, name=new.name, expires_at=new.expires_at
        )
        record = ScimTokenRecord.model_validate(made.token)
        return ScimTokenCreated(**record.model_dump(), token=made.secret.get_secret_value())

    @routes.delete(
        "/tokens/{token_id}",
        status_code=204,
        summary="Revoke a token of an identity provider",
        description="For administrators of the organization",
        operation_id="revoke_scim_token",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def revoke_token(request: Request, org: str, token_id: UUID) -> None:
        caller = await authenticate(request, scope=API_WRITE)
        await administration.revoke(caller, org=org, token_id=token_id)

    @routes.get(
        "/groups",
        summary="Provisioned groups",
        description="For administrators of the organization",
        operation_id="list_scim_groups",
        openapi_extra=operation(AccessForbidden, NotFound, secured=True),
    )
    async def list_groups(request: Request, org: str) -> list[ScimGroupRecord]:
        caller = await authenticate(request, scope=API_READ)
        found = await administration.groups(caller, org=org)
        return [ScimGroupRecord.model_validate(group) for group in found]

    @routes.put(
        "/groups/{group_id}",
        summary="Say what members of a provisioned group are",
        description="The highest role of their groups counts. For administrators of the "
        "organization",
        operation_id="map_scim_group",
        openapi_extra=operation(AccessForbidden, NotFound, ValidationFailed, secured=True),
    )
    async def map_group(
        request: Request, org: str, group_id: UUID, role: GroupRole
    ) -> ScimGroupRecord:
        caller = await authenticate(request, scope=API_WRITE)
        group = await administration.map_group(caller, org=org, group_id=group_id, role=role.role)
        return ScimGroupRecord.model_validate(group)

    return routes
