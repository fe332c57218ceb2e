"""The trail of one organization, for those who look after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

from vestibule.access.caller import Caller
from vestibule.access.trail import COLUMNS, Format, exported
from vestibule.audit.models import AuditEvent, Result, Wanted
from vestibule.audit.service import Audit
from vestibule.orgs.administration import Administration
from vestibule.orgs.policy import Action

# What somebody typed is theirs, and the same in every organization.
OWN_COLUMNS = [name for name in COLUMNS if name != "identifier_digest"]
"""What is taken out of each row."""


class OrganizationTrail:
    """What happened in an organization, and nothing of any other one.

    Both methods raise what `Administration.auditable` does.
    """

    def __init__(self, *, administration: Administration, audit: Audit) -> None:
        self._administration = administration
        self._audit = audit

    async def search(
        self, caller: Caller, wanted: Wanted, *, org: str, before: UUID | None, limit: int
    ) -> tuple[list[AuditEvent], UUID | None]:
        """See `Audit.search`."""
        organization = await self._administration.auditable(caller, org=org)
        wanted = replace(wanted, org_id=organization.id)
        return await self._audit.search(wanted, before=before, limit=limit)

    async def export(
        self, caller: Caller, wanted: Wanted, form: Format, *, org: str
    ) -> AsyncIterator[bytes]:
        """All that is wanted, as `Trail.export` does; that it was is in the trail."""
        organization = await self._administration.auditable(caller, org=org)
        attempt = caller.attempt(Action.ORG_AUDIT.value, org_id=organization.id)
        await self._audit.record(
            self._audit.event(attempt, result=Result.SUCCESS, cause="done", status=200)
        )
        wanted = replace(wanted, org_id=organization.id)
        return exported(self._audit, wanted, form, columns=OWN_COLUMNS)
