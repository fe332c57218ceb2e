"""Tokens as an HTTP answer (RFC 6749 §5.1)."""

from __future__ import annotations

from starlette.responses import Response

from vestibule.issuing.schemas import AccessTokenResponse
from vestibule.issuing.service import Issued
from vestibule.orgs.models import Membership
from vestibule.orgs.schemas import OrgInfo

OPTIONAL = ("id_token", "issued_token_type", "refresh_token")
"""What was not issued is not named, while the contract's own `default_org` may be null."""

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token_response(issued: Issued) -> Response:
    """The answer that carries these tokens; no cache may keep it."""
    refresh_token = issued.refresh_token
    body = AccessTokenResponse(
        access_token=issued.access_token,
        default_org=org_info(issued.default_org) if issued.default_org else None,
        expires_in=issued.expires_in,
        id_token=issued.id_token,
        issued_token_type=issued.issued_token_type,
        orgs=[org_info(membership) for membership in issued.orgs],
        refresh_token=refresh_token.get_secret_value() if refresh_token else None,
        scope=issued.scope,
        token_type=issued.token_type,
    )
    absent = {name for name in OPTIONAL if getattr(body, name) is None}
    return Response(
        content=body.model_dump_json(exclude=absent),
        media_type="application/json",
        headers=NO_STORE,
    )


def org_info(membership: Membership) -> OrgInfo:
    """An organization as the login names it."""
    return OrgInfo(key=membership.organization.key, name=membership.organization.name)
