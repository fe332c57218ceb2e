"""Who may do what in an organization: the one place where that is decided.

Endpoints and services name an action; the table names the least role for it. Platform
administrators may do all of it in every organization, suspended ones included.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from vestibule.access.caller import Caller
from vestibule.errors import AccessForbidden, NotFound
from vestibule.orgs.models import Organization, Role


class Action(StrEnum):
    """What can be done; the values are the names of the events in the trail."""

    ORG_CREATE = "org_create"
    ORG_READ = "org_read"
    ORG_UPDATE = "org_update"
    ORG_SUSPEND = "org_suspend"
    ORG_RESUME = "org_resume"
    ORG_TRANSFER = "org_transfer"
    ORG_AUDIT = "org_audit"
    WORKSPACE_LIST = "workspace_list"
    WORKSPACE_CREATE = "workspace_create"
    WORKSPACE_READ = "workspace_read"
    WORKSPACE_UPDATE = "workspace_update"
    WORKSPACE_DELETE = "workspace_delete"
    PROJECT_LIST = "project_list"
    PROJECT_CREATE = "project_create"
    PROJECT_READ = "project_read"
    PROJECT_DELETE = "project_delete"
    MEMBER_LIST = "member_list"
    MEMBER_LEAVE = "member_leave"
    MEMBER_UPDATE = "member_update"
    MEMBER_REMOVE = "member_remove"
    OWNER_UPDATE = "owner_update"
    OWNER_REMOVE = "owner_remove"
    INVITATION_LIST = "invitation_list"
    INVITATION_CREATE = "invitation_create"
    INVITATION_REVOKE = "invitation_revoke"
    OWNER_INVITE = "owner_invite"
    OWNER_UNINVITE = "owner_uninvite"
    INVITATION_ACCEPT = "invitation_accept"
    SCIM_READ = "scim_read"
    SCIM_ADMIT = "scim_admit"
    SCIM_REVOKE = "scim_revoke"
    SCIM_GROUP_MAP = "scim_group_map"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do one thing."""

    least: Role | None
    """The least role that may; None for platform administrators alone."""
    in_workspace: bool = False
    """Whether a credential that is confined to one workspace may do it too."""


RULES: dict[Action, Rule] = {
    Action.ORG_READ: Rule(Role.MEMBER, in_workspace=True),
    Action.ORG_UPDATE: Rule(Role.ADMIN),
    Action.ORG_SUSPEND: Rule(None),
    Action.ORG_RESUME: Rule(None),
    Action.ORG_TRANSFER: Rule(Role.OWNER),
    Action.ORG_AUDIT: Rule(Role.ADMIN),
    Action.WORKSPACE_LIST: Rule(Role.MEMBER, in_workspace=True),
    Action.WORKSPACE_CREATE: Rule(Role.ADMIN),
    Action.WORKSPACE_READ: Rule(Role.MEMBER, in_workspace=True),
    Action.WORKSPACE_UPDATE: Rule(Role.ADMIN, in_workspace=True),
    Action.WORKSPACE_DELETE: Rule(Role.ADMIN, in_workspace=True),
    Action.PROJECT_LIST: Rule(Role.MEMBER, in_workspace=True),
    Action.PROJECT_CREATE: Rule(Role.ADMIN, in_workspace=True),
    Action.PROJECT_READ: Rule(Role.MEMBER, in_workspace=True),
    Action.PROJECT_DELETE: Rule(Role.ADMIN, in_workspace=True),
    Action.MEMBER_LIST: Rule(Role.MEMBER, in_workspace=True),
    Action.MEMBER_LEAVE: Rule(Role.MEMBER),
    Action.MEMBER_UPDATE: Rule(Role.ADMIN),
    Action.MEMBER_REMOVE: Rule(Role.ADMIN),
    Action.OWNER_UPDATE: Rule(Role.OWNER),
    Action.OWNER_REMOVE: Rule(Role.OWNER),
    Action.INVITATION_LIST: Rule(Role.ADMIN),
    Action.INVITATION_CREATE: Rule(Role.ADMIN),
    Action.INVITATION_REVOKE: Rule(Role.ADMIN),
    Action.OWNER_INVITE: Rule(Role.OWNER),
    Action.OWNER_UNINVITE: Rule(Role.OWNER),
    Action.SCIM_READ: Rule(Role.ADMIN),
    Action.SCIM_ADMIT: Rule(Role.ADMIN),
    Action.SCIM_REVOKE: Rule(Role.ADMIN),
    Action.SCIM_GROUP_MAP: Rule(Role.ADMIN),
}
"""The table. Creating and joining an organization happen outside of one: see below."""

RANKS = {Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one user stands to one organization."""

    organization: Organization
    role: Role | None
    """None for a stranger."""


def require(caller: Caller, standing: Standing | None, action: Action) -> Standing:
    """The standing, where it allows the action.

    Raises `NotFound` alike for an organization that does not exist, that the caller is no
    member of, and that the credential does not open; `AccessForbidden` where it is suspended,
    the credential is for one workspace only, or the role is too low.
    """
    if standing is None:
        raise NotFound("Organization not found", cause="org_unknown")
    if not opens(caller, standing.organization):
        raise NotFound("Organization not found", cause="org_confined")
    if standing.role is None and not caller.is_admin:
        raise NotFound("Organization not found", cause="org_stranger")
    if not standing.organization.is_active and not caller.is_admin:
        raise AccessForbidden("This organization is suspended", cause="org_suspended")
    if caller.workspace_id is not None and not RULES[action].in_workspace:
        raise AccessForbidden("This credential is for one workspace only", cause="org_confined")
    if not allows(standing.role, action, is_admin=caller.is_admin):
        raise AccessForbidden("Your role in this organization does not allow this", cause="role")
    return standing


def allows(role: Role | None, action: Action, *, is_admin: bool) -> bool:
    """Whether somebody of this role may, or a platform administrator."""
    least = RULES[action].least
    return is_admin or (role is not None and least is not None and RANKS[role] >= RANKS[least])


def require_creation(caller: Caller, *, anyone: bool) -> None:
    """Raise `AccessForbidden` where the caller may not make an organization."""
    if caller.org_id or caller.workspace_id or caller.org_keys is not None:
        raise AccessForbidden(
            "This credential is for organizations that exist", cause="org_confined"
        )
    if not (anyone or caller.is_admin):
        raise AccessForbidden("Only administrators create organizations", cause="role")


def require_joining(caller: Caller, organization: Organization) -> None:
    """Raise the error of an invitation that this credential can't accept."""
    if caller.workspace_id is not None or not opens(caller, organization):
        raise NotFound("Invitation not found", cause="org_confined")
    if not organization.is_active:
        raise AccessForbidden("This organization is suspended", cause="org_suspended")


def in_reach(caller: Caller, workspace_id: UUID) -> bool:
    """Whether the credential opens this workspace of an organization that it opens."""
    return caller.workspace_id in (None, workspace_id)


def updating(former: Role, new: Role) -> Action:
    """What changing a member's role is: making and unmaking owners is for owners."""
    return Action.OWNER_UPDATE if Role.OWNER in (former, new) else Action.MEMBER_UPDATE


def removing(role: Role) -> Action:
    """What removing a member of this role is."""
    return Action.OWNER_REMOVE if role is Role.OWNER else Action.MEMBER_REMOVE


def inviting(role: Role) -> Action:
    """What inviting somebody to this role is."""
    return Action.OWNER_INVITE if role is Role.OWNER else Action.INVITATION_CREATE


def uninviting(role: Role) -> Action:
    """What taking back an invitation to this role is."""
    return Action.OWNER_UNINVITE if role is Role.OWNER else Action.INVITATION_REVOKE


def opens(caller: Caller, organization: Organization) -> bool:
    """Whether the credential is good for this organization, whatever the person may do there."""
    if caller.org_keys is not None and organization.key not in caller.org_keys:
        return False
    if caller.org_id is None:
        # A workspace without its organization opens none: better too little than too much.
        return caller.workspace_id is None
    return caller.org_id == organization.id
