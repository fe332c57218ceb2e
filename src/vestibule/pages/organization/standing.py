"""How the person who is here stands to an organization, so that pages offer what will be done.

What may be done is decided where it is done: this only keeps away what would be refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.members.repository import Member
from vestibule.orgs.administration import Administration
from vestibule.orgs.models import Organization, Role
from vestibule.orgs.policy import Action, allows, removing, updating
from vestibule.orgs.service import Organizations
from vestibule.pages.rooms import Here

PATH = "/organizations/{org}"


@dataclass(frozen=True, slots=True)
class Standing:
    """An organization, and what this person may do in it."""

    organization: Organization
    role: Role | None
    """None for an administrator of the service who is no member."""
    is_admin: bool

    def may(self, action: str) -> bool:
        """Whether this may be done; the name is that of the event."""
        return allows(self.role, Action(action), is_admin=self.is_admin)

    @property
    def roles(self) -> list[str]:
        """The roles that this person may give, from least to most."""
        given = [Role.MEMBER, Role.ADMIN]
        return [role.value for role in given + [Role.OWNER] * self.may(Action.OWNER_INVITE)]

    def may_change(self, member: Member) -> bool:
        """Whether this person may give the member another role."""
        return self.may(updating(member.role, member.role))

    def may_remove(self, member: Member) -> bool:
        """Whether this person may remove the member."""
        return self.may(removing(member.role))


class Standings:
    """Finds them."""

    def __init__(self, *, administration: Administration, organizations: Organizations) -> None:
        self._administration = administration
        self._organizations = organizations

    async def here(self, here: Here) -> Standing:
        """That of the organization in the address.

        Raises `NotFound` alike for a stranger and where there is none, `AccessForbidden` where it
        is suspended.
        """
        found = await self._administration.get(here.caller, org=here.param("org"))
        memberships = await self._organizations.memberships_of(here.user.id)
        role = next((m.role for m in memberships if m.organization.id == found.id), None)
        return Standing(found, role, here.caller.is_admin)
