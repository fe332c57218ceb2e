"""`/api/v1/user`: what a caller may read of themselves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from vestibule.access.caller import API_READ, Authenticate
from vestibule.http.operations import operation
from vestibule.orgs.models import Membership
from vestibule.orgs.policy import opens
from vestibule.orgs.schemas import UserOrganization
from vestibule.orgs.service import Organizations
from vestibule.tokens.service import invalid_token
from vestibule.users.schemas import UserProfile
from vestibule.users.service import Users

OPENED: dict[str, dict[str, Any]] = {
    "profile": {"first_name": "", "last_name": "", "full_name": ""},
    "email": {"email_address": None, "email_verified": False},
}
"""By scope, what it opens, and what stands there without it."""


def router(*, users: Users, organizations: Organizations, authenticate: Authenticate) -> APIRouter:
    """The routes of the caller's own account."""
    routes = APIRouter(prefix="/api/v1/user", tags=["User"])

    @routes.get(
        "",
        summary="Current user",
        description="The account that the credential speaks of; names and address as far as its "
        "scopes open them (`profile`, `email`, or `api:read` for both)",
        operation_id="get_user",
        openapi_extra=operation(secured=True),
    )
    async def get_user(request: Request) -> UserProfile:
        caller = await authenticate(request)
        user = await users.get(caller.user_id)
        if user is None:
            raise invalid_token("user_gone")
        profile = UserProfile.model_validate(user)
        closed = {
            name: value
            for scope, fields in OPENED.items()
            if not caller.scopes & {scope, API_READ}
            for name, value in fields.items()
        }
        return profile.model_copy(update=closed)

    @routes.get(
        "/organizations",
        summary="Organizations of the current user",
        description="The organizations that the caller belongs to, by name, as far as the "
        "credential opens them",
        operation_id="get_user_organizations",
        openapi_extra=operation(secured=True),
    )
    async def get_user_organizations(request: Request) -> list[UserOrganization]:
        caller = await authenticate(request)
        found = await organizations.memberships_of(caller.user_id)
        # A credential for one organization does not tell of the others.
        return [_organization(m) for m in found if opens(caller, m.organization)]

    return routes


def _organization(membership: Membership) -> UserOrganization:
    return UserOrganization(
        **{
            name: value
            for name, value in asdict(membership.organization).items()
            if name in UserOrganization.model_fields
        },
        role=membership.role,
        joined_at=membership.joined_at,
    )
