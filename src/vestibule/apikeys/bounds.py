"""How wide a key may be: never wider than the credential that makes or renews it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.access.caller import API_READ, API_WRITE, Caller
from vestibule.apikeys.models import ApiKey
from vestibule.errors import AccessForbidden, InvalidRequest, NotFound, ValidationFailed
from vestibule.orgs.models import Membership, Organization

EVERYTHING = frozenset({API_READ, API_WRITE, "openid", "profile", "email"})
"""The scopes of a key that was given none of its own."""

NO_REFRESH = "offline_access"
"""Means refresh tokens, of which a key has no use."""


def scopes_of(key: ApiKey) -> frozenset[str]:
    """What a key is good for."""
    return EVERYTHING if key.allowed_scopes is None else key.allowed_scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a credential opens doors."""

    org_ids: frozenset[UUID] | None
    """The only organizations; None for all that the person may enter, and outside of any."""
    workspace_id: UUID | None
    """The only workspace; None for all."""

    def covers(self, key: ApiKey) -> bool:
        """Whether a key opens nothing but what this credential does."""
        return (self.org_ids is None or key.org_id in self.org_ids) and (
            self.workspace_id is None or key.workspace_id == self.workspace_id
        )


def reach_of(caller: Caller, memberships: Sequence[Membership]) -> Reach:
    """Where the caller's credential opens doors."""
    org_ids = None
    if caller.org_keys is not None:
        org_ids = frozenset(
            m.organization.id for m in memberships if m.organization.key in caller.org_keys
        )
    if caller.org_id is not None:
        own = frozenset({caller.org_id})
        org_ids = own if org_ids is None else org_ids & own
    return Reach(org_ids=org_ids, workspace_id=caller.workspace_id)


def chosen_org(
    reach: Reach, memberships: Sequence[Membership], *, named: str | None, of_workspace: UUID | None
) -> UUID | None:
    """The organization of a new key; None for all that its owner may enter.

    `named` is its id or its key, `of_workspace` the organization of the workspace that the key
    is for. Where neither is there the key gets what the caller has. Raises `NotFound` alike for
    an organization that does not exist, that the caller is no member of and that the credential
    doesn't reach, `AccessForbidden` for a suspended one, `InvalidRequest` where one must be named.
    """
    reached = {
        m.organization.id: m.organization
        for m in memberships
        if reach.org_ids is None or m.organization.id in reach.org_ids
    }
    if named is None and of_workspace is None:
        if reach.org_ids is None:
            return None
        if len(reach.org_ids) > 1:
            raise InvalidRequest(
                "Name the org_id: this credential opens some organizations only", cause="org"
            )
        found = next((reached[org_id] for org_id in reach.org_ids if org_id in reached), None)
    elif named is None:
        found = reached.get(of_workspace) if of_workspace else None
    else:
        found = _named(list(reached.values()), named)
    if found is None:
        raise NotFound("Organization not found", cause="org_unknown")
    if not found.is_active:
        raise AccessForbidden("This organization is suspended", cause="org_suspended")
    return found.id


def _named(organizations: Sequence[Organization], name: str) -> Organization | None:
    # No key has the form of an id.
    return next((o for o in organizations if name.lower() in (o.key, str(o.id))), None)


def chosen_scopes(caller: Caller, asked: frozenset[str] | None) -> frozenset[str] | None:
    """The scopes of a new key; None for everything. Raises `InvalidRequest` for more."""
    if asked is None:
        return None if caller.scopes >= EVERYTHING else caller.scopes - {NO_REFRESH}
    if not asked:
        raise ValidationFailed.of("allowed_scopes", "A key without a scope is good for nothing")
    if not asked <= caller.scopes:
        raise InvalidRequest("A key can't have a scope that its maker lacks", cause="scope")
    return asked


def chosen_end(maker: ApiKey | None, asked: datetime | None) -> datetime | None:
    """When a new key ends: never after the key that makes it. Raises `InvalidRequest`."""
    if maker is None or maker.expires_at is None:
        return asked
    if asked is not None and asked > maker.expires_at:
        raise InvalidRequest("A key can't outlive the key that makes it", cause="expiry")
    return asked or maker.expires_at


def require_not_wider(caller: Caller, maker: ApiKey | None, key: ApiKey) -> None:
    """Raise `AccessForbidden` where a key is good for more, or for longer, than the caller."""
    outlives = (
        maker is not None
        and maker.expires_at is not None
        and (key.expires_at is None or key.expires_at > maker.expires_at)
    )
    if outlives or not scopes_of(key) <= caller.scopes:
        raise AccessForbidden(
            "This key is good for more than the credential that was sent", cause="key_wider"
        )
